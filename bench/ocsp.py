"""How many OCSP answers one worker gives, and how soon: `python -m bench.ocsp`.

In process, where all costs but storage and HTTP are seen, beside what the signature alone costs; and over HTTP against
the whole host with Azurite, beside `openssl ocsp` over an index of the same certificates. Client, server and storage
share the machine's cores there.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import time
from contextlib import redirect_stdout
from typing import Annotated

import typer

from bench.fleet import now
from bench.machine import description
from bench.ocsp_server import Load, servers
from bench.ocsp_world import World
from bench.report import Report, Row, progress, say, show
from shared.keys.signatures import sign

STORED = 10_000
CONNECTIONS = (1, 8)
QUESTIONS = {
    "one certificate": (1, None),
    "one certificate, nonce": (1, b"n" * 16),
    "ten certificates, nonce": (10, b"n" * 16),
}


def percentiles(sorted_values: list[float]) -> dict[str, float]:
    """The 50th, 95th and 99th."""
    cuts = statistics.quantiles(sorted_values, n=100)
    return {f"p{number}": cuts[number - 1] for number in (50, 95, 99)}


def in_process(world: World, what: str, count: int) -> dict[str, object]:
    """A line of the report: one thread, records in memory, none of them asked twice in a row."""
    certificates, nonce = QUESTIONS[what]
    questions = world.questions(count, certificates, nonce)
    moment, found = now(), list[float]()
    for question in questions[:100]:
        world.responder.answer(question, moment)
    cpu = time.process_time()
    for question in questions:
        start = time.perf_counter()
        world.responder.answer(question, moment)
        found.append(1e6 * (time.perf_counter() - start))
    cpu = time.process_time() - cpu
    marks = {name: round(value) for name, value in percentiles(sorted(found)).items()}
    return {
        "in process": what,
        "answers/s": round(count / cpu),
        **marks,
        "us of CPU": round(1e6 * cpu / count),
    }


def signature_alone(world: World, count: int) -> dict[str, object]:
    """The same for the signature and nothing else."""
    cpu, found = time.process_time(), list[float]()
    for _ in range(count):
        start = time.perf_counter()
        sign(world.identity.key, bytes(200))
        found.append(1e6 * (time.perf_counter() - start))
    cpu = time.process_time() - cpu
    marks = {name: round(value) for name, value in percentiles(sorted(found)).items()}
    row = {"in process": "a P-256 signature alone", "answers/s": round(count / cpu)}
    return {**row, **marks, "us of CPU": round(1e6 * cpu / count)}


def over_http(name: str, connections: int, load: Load) -> dict[str, object]:
    """A line of the report."""
    marks = {mark: round(value, 2) for mark, value in percentiles(load.latencies).items()}
    cpu = round(1e6 * load.cpu / len(load.latencies)) if load.cpu is not None else ""
    row = {"over HTTP": name, "connections": connections, "answers/s": round(load.rate)}
    return {**row, **marks, "us of the server's CPU": cpu}


def main(
    count: Annotated[int, typer.Option(min=200, max=100_000, help="Questions of each kind.")] = 3000,
    http: Annotated[bool, typer.Option(help="Also over HTTP, which takes a host and Azurite.")] = True,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Report: answers a second of one worker, and p50, p95 and p99 in microseconds (HTTP: milliseconds)."""
    world = World(STORED)
    rows = [signature_alone(world, count)]
    rows += [in_process(world, what, count) for what in progress(list(QUESTIONS), "in process")]
    served = measure_http(count) if http and shutil.which("openssl") else []
    reports = [
        Report(
            "OCSP in process", f"{STORED} certificates on record in memory, one thread, us", list[Row](rows)
        )
    ]
    if served:
        about = "whole host with Azurite, and openssl ocsp, both on this machine, ms"
        reports.append(Report("OCSP over HTTP", about, list[Row](served)))
    show(description(), reports, as_json=as_json)


def measure_http(count: int) -> list[dict[str, object]]:
    """Ours and OpenSSL's, in turns."""
    rows = []
    with redirect_stdout(sys.stderr), servers(min(count, 1000)) as both:  # the host tells that it has started
        for connections in CONNECTIONS:
            for server in both:
                say(f"{server.name}, {connections} at a time")
                load = server.load(count, connections)
                rows.append(over_http(server.name, connections, load))
    return rows


if __name__ == "__main__":
    typer.run(main)
