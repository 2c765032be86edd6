"""What publishing costs as the CRL grows, beside `openssl crl` reading the same list: `python -m bench.crl`.

Each size has a process of its own, so that its peak memory is its own. A CRL of that many entries stands published;
measured is the next one, after ten revocations, in CPU time. Figures are reported; judged is how the cost of an entry
grows from the second size, where reading and writing entries outweighs the signature, to the third.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from bench.crl_site import CRLSite
from bench.machine import description, forget_peak, peak_mib, resident_mib
from bench.report import progress, report, say

SIZES = (1_000, 100_000, 1_000_000)
REVOCATIONS = 10
MOST_GROWTH = 3.0
"""Of the cost of an entry from 100,000 to 1,000,000: linear with room for caches and a busy machine."""


def measure(size: int, shards: int = 0, deltas: bool = False) -> dict[str, object]:
    """One line of the report, in this process."""
    site = CRLSite(size, shards=shards, deltas=deltas)
    site.revoke(REVOCATIONS)
    gc.collect()
    forget_peak()
    before = resident_mib(os.getpid())
    start = time.process_time()
    site.publisher.publish_change(site.now)
    seconds = time.process_time() - start
    peak, der = peak_mib(), site.full().data
    return {
        "entries": size,
        "shards": shards,
        "deltas": deltas,
        "MiB of CRL": round(len(der) / 2**20, 1),
        "seconds": round(seconds, 3),
        "us per entry": round(1e6 * seconds / size, 2),
        "MiB of memory": round(peak - before),
        "signatures": site.key.signatures,
        "rows read": site.store.rows_read,
        "puts": site.publications.puts,
        "seconds of openssl crl": _openssl_seconds(der),
    }


def _openssl_seconds(der: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.crl")
        path.write_bytes(der)
        command = ["openssl", "crl", "-in", str(path), "-inform", "DER", "-noout", "-crlnumber"]
        before = _of_children()
        subprocess.run(command, check=True, capture_output=True)
        return round(_of_children() - before, 3)


def _of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measured(size: int, *options: str) -> dict[str, object]:
    """`measure` in a process of its own."""
    command = [sys.executable, "-m", "bench.crl", "--only", str(size), *options]
    found: dict[str, object] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return found


def main(
    only: Annotated[int, typer.Option(hidden=True)] = 0,
    shards: Annotated[int, typer.Option(help="Shards beside the full CRL.")] = 0,
    deltas: Annotated[bool, typer.Option("--deltas", help="Deltas beside each.")] = False,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Report; exit code 1 if the cost grows faster than the list."""
    if only:
        print(json.dumps(measure(only, shards, deltas)))
        return
    say(description())
    options = ["--shards", str(shards), *(["--deltas"] if deltas else [])]
    rows = [measured(size, *options) for size in progress(SIZES, "sizes")]
    report(rows, f"the next CRL after {REVOCATIONS} revocations, in process", as_json=as_json)
    growth = float(str(rows[-1]["us per entry"])) / float(str(rows[-2]["us per entry"]))
    if growth > MOST_GROWTH:
        say(
            f"[red]too much:[/] an entry of the longest list costs {growth:.1f} times one of the next shorter"
        )
        sys.exit(1)


if __name__ == "__main__":
    typer.run(main)
