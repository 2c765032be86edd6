"""What an enrolment costs in process, as a ratio to its private-key operations.

Messages are made beforehand; records and challenges are in memory; one thread; CPU time. An enrolment with few and one
with many certificates on record take turns with the private-key operations alone, so that whatever else the machine
does meets all three alike. What it does can only add, so the twentieth of each that went best is what counts. Ratios
are judged, microseconds only reported.
"""

from __future__ import annotations

import gc
import time
from dataclasses import dataclass, field

from bench.machine import key_operations
from bench.report import Report, Row, best, progress
from bench.world import World

FEW, MANY = 100, 10_000
MOST_RATIO, MOST_GROWTH = 2.5, 1.25
BATCH = 25
_PART = 20
CA_KEYS = ("rsa-2048", "rsa-3072", "p-256")
ABOUT = (
    "an enrolment in process: CPU time of one thread from the bytes of a PKCSReq to those of its CertRep, "
    "records in memory, no HTTP; beside the three private-key operations it cannot do without"
)


@dataclass
class Samples:
    """Microseconds of each enrolment, and of the private-key operations of one."""

    few: list[float] = field(default_factory=list)
    many: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """Of an enrolment to its private-key operations, with few certificates on record."""
        return best(self.few, of=_PART) / best(self.keys, of=_PART)

    @property
    def growth(self) -> float:
        """Of an enrolment with many certificates on record to one with few."""
        return best(self.many, of=_PART) / best(self.few, of=_PART)

    def row(self, algorithm: str) -> Row:
        """A line of the report."""
        few, many, keys = (best(found, of=_PART) for found in (self.few, self.many, self.keys))
        return {
            "CA key": algorithm,
            "ratio": round(self.ratio, 2),
            "growth": round(self.growth, 2),
            f"us, {FEW} stored": round(few),
            f"us, {MANY} stored": round(many),
            "us of private keys": round(keys),
            "per second and core": round(1e6 / few),
        }


def measure(count: int) -> Report:
    """`count` enrolments for each CA key; too much is over 2.5 times the private-key operations, or growth."""
    found = Report("in process", ABOUT)
    for algorithm in CA_KEYS:
        samples = _measure(algorithm, max(count // BATCH, 2))
        found.rows.append(samples.row(algorithm))
        found.limit(f"{algorithm}: the ratio to private-key operations", samples.ratio, MOST_RATIO)
        found.limit(f"{algorithm}: the growth with what is stored", samples.growth, MOST_GROWTH)
    return found


def _measure(algorithm: str, batches: int) -> Samples:
    few, many, samples = World(algorithm, FEW), World(algorithm, MANY), Samples()
    key_operations(few.ra_key, few.ca_key, BATCH)
    gc.collect()
    gc.freeze()  # what is stored is no garbage; a collection would look through all of it
    for batch in progress(range(batches), f"in process, {algorithm} CA"):
        numbers = range(batch * BATCH, (batch + 1) * BATCH)
        turns = [(few, samples.few), (many, samples.many)][:: 1 if batch % 2 else -1]
        prepared = [[world.prepare(number) for number in numbers] for world, _ in turns]
        for messages in zip(*prepared, strict=True):
            for (world, found), message in zip(turns, messages, strict=True):
                start = time.process_time()
                world.run([message])
                found.append(1e6 * (time.process_time() - start))
            samples.keys.append(key_operations(few.ra_key, few.ca_key, 1))
    gc.unfreeze()
    return samples
