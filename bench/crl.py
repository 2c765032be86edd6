"""What publishing costs as the CRL grows, beside `openssl crl` reading the same list: `python -m bench.crl`.

Each size has a process of its own, so that its peak memory is its own. A CRL of that many entries stands published;
measured is the next one, after ten revocations, in CPU time. Figures are reported; judged is how the cost of an entry
grows from the second size, where reading and writing entries outweighs the signature, to the third, and that nothing is
signed or read twice.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from bench.crl_site import CRLSite
from bench.machine import description, forget_peak, peak_mib, resident_mib
from bench.report import Report, progress, show

SIZES = (1_000, 100_000, 1_000_000)
REVOCATIONS = 10
SHARDS = 16
MOST_GROWTH, MOST_MEMORY = 3.0, 6.0
"""Of the cost of an entry from the second size to the third; of memory in use to the size of the CRL."""


@dataclass(frozen=True)
class Cost:
    """Of one publication; `memory` is what is in use beyond the CRL that stands. Sizes in MiB, times in CPU seconds."""

    entries: int
    shards: int
    size: float
    seconds: float
    memory: float
    signatures: int
    rows: int
    puts: int
    openssl: float | None

    @property
    def each(self) -> float:
        """Microseconds for one entry."""
        return 1e6 * self.seconds / self.entries


def measure(size: int, shards: int) -> Cost:
    """In this process; with `shards`, deltas too."""
    site = CRLSite(size, shards=shards, deltas=bool(shards))
    site.revoke(REVOCATIONS)
    gc.collect()
    forget_peak()
    before = resident_mib(os.getpid())
    start = time.process_time()
    assert site.publisher.publish_change(site.now)
    seconds = time.process_time() - start
    peak, der = peak_mib(), site.full().data
    return Cost(
        entries=size,
        shards=shards,
        size=len(der) / 2**20,
        seconds=seconds,
        memory=peak - before,
        signatures=site.key.signatures,
        rows=site.store.rows_read,
        puts=site.publications.puts,
        openssl=_openssl_seconds(der),
    )


def measured(size: int, shards: int = 0) -> Cost:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "bench.crl", "--only", str(size), "--shards", str(shards)]
    return Cost(**json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


def faults(costs: Sequence[Cost]) -> list[str]:
    """What is too much, of the sizes in ascending order and without shards."""
    found = [
        f"{cost.entries} entries: {cost.signatures} signatures, {cost.rows} rows read"
        for cost in costs
        if (cost.signatures, cost.rows) != (1, REVOCATIONS)
    ]
    growth, memory = costs[-1].each / costs[-2].each, costs[-1].memory / costs[-1].size
    if growth > MOST_GROWTH:
        found.append(f"an entry of the longest list costs {growth:.1f} times one of the next shorter")
    if memory > MOST_MEMORY:
        found.append(f"the longest list takes {memory:.1f} times its size in memory")
    return found


def row(cost: Cost) -> dict[str, object]:
    """A line of the report."""
    return {
        "entries": cost.entries,
        "shards": f"{cost.shards} and deltas" if cost.shards else "none",
        "MiB": round(cost.size, 1),
        "CPU s": round(cost.seconds, 3),
        "us/entry": round(cost.each, 2),
        "memory MiB": round(cost.memory),
        "signed": cost.signatures,
        "rows": cost.rows,
        "puts": cost.puts,
        "openssl s": "none" if cost.openssl is None else round(cost.openssl, 3),
    }


def main(
    only: Annotated[int, typer.Option(hidden=True)] = 0,
    shards: Annotated[int, typer.Option(hidden=True)] = 0,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Report; exit code 1 if the cost grows faster than the list."""
    if only:
        print(json.dumps(asdict(measure(only, shards))))
        return
    costs = [measured(size) for size in progress(SIZES, "sizes")]
    sharded = measured(SIZES[-1], SHARDS)
    about = f"the next CRL after {REVOCATIONS} revocations, in process; last column: openssl crl reads it"
    report = Report("CRL", about, [row(cost) for cost in (*costs, sharded)], faults(costs))
    show(description(), [report], as_json=as_json)
    sys.exit(bool(report.failures))


def _openssl_seconds(der: bytes) -> float | None:
    if shutil.which("openssl") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.crl")
        path.write_bytes(der)
        command = ["openssl", "crl", "-in", str(path), "-inform", "DER", "-noout", "-crlnumber"]
        before = _of_children()
        subprocess.run(command, check=True, capture_output=True)
        return _of_children() - before


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    typer.run(main)
