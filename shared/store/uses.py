"""UseCounter in Azure Tables: a row for every holder and one for every use, written together or not at all.

Uses are numbered without gaps, so the last number is the count, and the row of a number can be inserted only
once: that makes the count exact whoever else counts. Usually one storage call; two when a worker meets a name
first.
"""

from __future__ import annotations

from threading import Lock

from azure.data.tables import TableClient

from shared.errors import StoreUnavailable
from shared.store import addresses
from shared.store.addresses import Address, Range
from shared.store.columns import new_row
from shared.store.entity_table import BATCH, EntityTable

_TRIES = 32
_LONGEST_WAIT = 10.0  # seconds for other threads of this worker


class TableUseCounter:
    """UseCounter. Raises StoreUnavailable also when others take uses faster than this worker can."""

    def __init__(self, uses: TableClient) -> None:
        self._uses = EntityTable(uses)
        # Threads of one worker take turns instead of racing for the same number.
        self._turn = Lock()
        self._taken: dict[str, int] = {}

    def take(self, name: str, identity: str, limit: int) -> bool:
        if not self._turn.acquire(timeout=_LONGEST_WAIT):
            raise StoreUnavailable("take: too many wait for their turn", retry_after=2)
        try:
            return self._take(name, identity, limit)
        finally:
            self._turn.release()

    def forget_before(self, name: str) -> None:
        """Forget what was counted under names that sort before `name`. Raises StoreUnavailable."""
        beyond = Range("", addresses.encode(name))
        by_partition: dict[str, list[Address]] = {}
        for address in self._uses.addresses(beyond, "forget_before"):
            by_partition.setdefault(address.partition, []).append(address)
        for found in by_partition.values():
            for start in range(0, len(found), BATCH):
                self._uses.delete_all(found[start : start + BATCH], "forget_before")

    def _take(self, name: str, identity: str, limit: int) -> bool:
        holder = addresses.of_holder(name, identity)
        for _ in range(_TRIES):
            taken = self._taken.get(name)
            if taken is None:
                taken = self._taken[name] = self._count(name)
            if taken >= limit:
                return self._uses.get(holder, "take") is not None
            use = addresses.of_use(name, taken + 1)
            met = self._uses.insert_all([new_row(holder), new_row(use)], "take")
            if met == 0:
                return True  # a holder already
            if met is None:
                self._taken[name] = taken + 1
                return True
            del self._taken[name]  # another worker took that number: count again
        raise StoreUnavailable("take: other workers keep winning", retry_after=2)

    def _count(self, name: str) -> int:
        last = self._uses.first(addresses.encode(name), addresses.USES, "take")
        return 0 if last is None else addresses.use_number(last["RowKey"])
