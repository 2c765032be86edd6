"""Many messages in blocks, each with its own seed, by as many processes as asked for; and whether memory stays flat."""

from __future__ import annotations

import logging
import os
import resource
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from io import StringIO
from multiprocessing import get_context
from pathlib import Path
from random import Random

from tests.fuzz.targets import TARGETS, Finding, target

BLOCK = 1000
MOST_GROWTH = 8.0
"""MiB that a process may gain once every target has been warmed up."""
_WARM_UP = 0.2
_TWENTY = sum(share for _, share in TARGETS.values())


@dataclass(frozen=True)
class Block:
    """What became of the messages of one block, and how much memory its process then used."""

    target: str
    fates: Counter[str]
    process: int
    mib: float


@dataclass
class Outcome:
    """Of a whole run."""

    fates: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    memory: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, block: Block) -> None:
        self.fates[block.target] += block.fates
        self.memory[block.process].append(block.mib)

    @property
    def total(self) -> int:
        return sum(fates.total() for fates in self.fates.values())

    @property
    def growth(self) -> float:
        """The most MiB that a process has gained since its first fifth, in which caches fill."""
        return max(max(found) - max(found[: _warm(found)]) for found in self.memory.values())


def _warm(found: list[float]) -> int:
    return max(1, int(len(found) * _WARM_UP))


def plan(count: int, seed: int) -> list[tuple[str, int, int]]:
    """(target, seed, messages) of each block, well mixed, so that memory is measured under all targets."""
    blocks = []
    for name, (_, share) in TARGETS.items():
        left = count * share // _TWENTY
        blocks += [(name, min(BLOCK, left - at)) for at in range(0, left, BLOCK)]
    source = Random(seed)
    source.shuffle(blocks)
    return [(name, source.getrandbits(32), size) for name, size in blocks]


def run(count: int, seed: int, processes: int) -> Iterator[Block]:
    """Every block as it is done. Raises Finding."""
    blocks = plan(count, seed)
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_hush) as pool:
        for done in as_completed([pool.submit(feed, *block) for block in blocks]):
            if error := done.exception():
                pool.shutdown(cancel_futures=True)
                raise error
            yield done.result()


def feed(name: str, seed: int, size: int) -> Block:
    """One block. Raises Finding, which names the seed."""
    source, tell, fates = Random(seed), target(name), Counter[str]()
    try:
        for _ in range(size):
            fates[tell(source)] += 1
    except Finding as found:
        raise Finding(
            f"target {name}, seed {seed}, message {fates.total()}: {found.what}", found.data
        ) from None
    return Block(name, fates, os.getpid(), resident_mib())


def resident_mib() -> float:
    """Memory in use by this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


class _Strict(logging.StreamHandler[StringIO]):
    """Formats every line of the log and forgets it; a line that cannot be formatted is an error."""

    def emit(self, record: logging.LogRecord) -> None:
        self.format(record)


def _hush() -> None:
    logging.basicConfig(level=logging.INFO, handlers=[_Strict(StringIO())], force=True)
