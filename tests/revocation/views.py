"""One publisher's view of the blobs, with something that happens in the middle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shared.store.memory import MemoryPublicationStore


class WatchedPublications:
    """`before_put` runs before each put, `after_read` and `after_stat` after each of those."""

    def __init__(self, store: MemoryPublicationStore) -> None:
        self.store = store
        self.before_put: Callable[[str], object] = lambda name: None
        self.after_read: Callable[[str], object] = lambda name: None
        self.after_stat: Callable[[str], object] = lambda name: None
        self.puts: list[str] = []

    def read(self, name: str) -> Any:
        found = self.store.read(name)
        self.after_read(name)
        return found

    def stat(self, name: str) -> Any:
        found = self.store.stat(name)
        self.after_stat(name)
        return found

    def put(self, name: str, data: bytes, **named: Any) -> None:
        self.before_put(name)
        self.store.put(name, data, **named)
        self.puts.append(name)
