"""How much memory the product holds: what a test run keeps itself, logs and other threads, is not counted."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

ROOT = Path(__file__).parents[1]


def held(*places: str) -> int:
    """Octets that are allocated now by code in `places`, files or folders of the repository; tracemalloc has to run."""
    gc.collect()
    rooms = [tracemalloc.Filter(True, f"{ROOT / place}*") for place in places]
    return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(rooms).traces)
