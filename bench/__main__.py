"""`python -m bench`: all benchmarks, or those that are named; exit code 1 if one finds too much."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated

import typer

from bench import cold_start, enrolment, host
from bench.machine import description
from bench.report import Report, say, show


class Benchmark(StrEnum):
    """What there is to measure."""

    IN_PROCESS = "in-process"
    WHOLE_HOST = "whole-host"
    COLD_START = "cold-start"


def main(
    only: Annotated[list[Benchmark] | None, typer.Argument(help="All of them if none is named.")] = None,
    count: Annotated[
        int, typer.Option(min=50, max=10_000, help="Enrolments for each CA key, and for each server.")
    ] = 500,
    starts: Annotated[int, typer.Option(min=2, max=100, help="Cold starts.")] = 7,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document.")] = False,
) -> None:
    """Measure and report. It fails if an enrolment in process costs over 2.5 times its private-key operations, or if
    the cost grows with what is stored."""
    say("looking at the machine (openssl speed)")
    machine = description()
    measures: dict[Benchmark, Callable[[], Report]] = {
        Benchmark.IN_PROCESS: lambda: enrolment.measure(count),
        Benchmark.WHOLE_HOST: lambda: host.measure(count),
        Benchmark.COLD_START: lambda: cold_start.measure(starts),
    }
    reports = [measure() for name, measure in measures.items() if not only or name in only]
    show(machine, reports, as_json=as_json)
    sys.exit(any(report.failures for report in reports))


if __name__ == "__main__":
    typer.run(main)
