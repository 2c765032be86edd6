"""What an enrolment costs in process, as a ratio to its private-key operations: `python -m bench.enrolment`.

Messages are made beforehand; records and challenges are in memory; one thread; CPU time. Small batches with few and
with many certificates on record take turns with the private-key operations alone, so that whatever else the machine
does meets all three alike. What it does can only add, so the quarter of the batches that went best is what counts.
Ratios are judged, microseconds only reported.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Annotated

import typer

from bench.machine import description, key_operations, openssl_speed
from bench.report import progress, report, say
from bench.world import World

FEW, MANY = 100, 10_000
MOST_RATIO, MOST_GROWTH = 2.5, 1.25
BATCH = 25
CA_KEYS = ("rsa-2048", "rsa-3072", "p-256")


@dataclass
class Samples:
    """Microseconds of one enrolment, and of its private-key operations, batch by batch."""

    few: list[float] = field(default_factory=list)
    many: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Of an enrolment to its private-key operations, with few certificates on record."""
        return best(self.few) / best(self.keys)

    @property
    def growth(self) -> float:
        """Of an enrolment with many certificates on record to one with few."""
        return best(self.many) / best(self.few)


def best(samples: list[float]) -> float:
    """The lower quartile."""
    return statistics.quantiles(samples, n=4)[0]


def measure(algorithm: str, batches: int) -> Samples:
    """Samples for a CA with an `algorithm` key."""
    few, many, samples = World(algorithm, FEW), World(algorithm, MANY), Samples()
    key_operations(few.ra_key, few.ca_key, BATCH)
    gc.collect()
    gc.freeze()  # what is stored is no garbage; a collection would look through all of it
    for batch in progress(range(batches), f"{algorithm} CA"):
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        for world, found in ((few, samples.few), (many, samples.many)):
            messages = [world.prepare(number) for number in numbers]
            start = time.process_time()
            world.run(messages)
            found.append(1e6 * (time.process_time() - start) / BATCH)
        samples.keys.append(key_operations(few.ra_key, few.ca_key, BATCH))
    gc.unfreeze()
    return samples


def row(algorithm: str, samples: Samples) -> dict[str, object]:
    """A line of the report."""
    speed, few = openssl_speed(algorithm), best(samples.few)
    return {
        "CA key": algorithm,
        f"us, {FEW} stored": round(few),
        f"us, {MANY} stored": round(best(samples.many)),
        "per second and core": round(1e6 / few),
        "us of private-key operations": round(best(samples.keys)),
        "ratio": round(samples.ratio, 2),
        "growth": round(samples.growth, 2),
        "us of a CA signature by openssl speed": round(speed) if speed else "no openssl",
    }


def main(
    count: Annotated[int, typer.Option(min=BATCH, max=10_000, help="Enrolments for each CA key.")] = 500,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Report; exit code 1 if an enrolment costs over 2.5 times its private-key operations, or more as records grow."""
    say(description())
    samples = {algorithm: measure(algorithm, count // BATCH) for algorithm in CA_KEYS}
    rows = [row(algorithm, found) for algorithm, found in samples.items()]
    report(rows, f"{count} enrolments in process, one thread, CPU time", as_json=as_json)
    failures = [
        f"{name}: ratio {each.ratio:.2f}" for name, each in samples.items() if each.ratio > MOST_RATIO
    ]
    failures += [
        f"{name}: growth {each.growth:.2f}" for name, each in samples.items() if each.growth > MOST_GROWTH
    ]
    for failure in failures:
        say(f"[red]too much:[/] {failure} (at most {MOST_RATIO} and {MOST_GROWTH})")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    typer.run(main)
