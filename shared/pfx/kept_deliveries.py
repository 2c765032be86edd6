"""Deliveries of imported PFX files, kept where those of keys are: devices fetch and acknowledge both in one way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import Conflict, StoreUnavailable
from shared.store.deliveries import Delivery, DeliveryStore


@dataclass(frozen=True, slots=True)
class KeptDeliveries:
    """Deliveries. `life` is how long one waits to be fetched."""

    store: DeliveryStore
    life: timedelta
    clock: Callable[[], datetime]

    def put(self, request: str, content: bytes) -> bytes:
        now = self.clock()
        try:
            self.store.put(Delivery(request, content, now, now + self.life))
        except Conflict:
            stands = self.find(request)
            if stands is None:
                raise StoreUnavailable(f"the delivery of {request} was there and is gone") from None
            return stands
        return content

    def find(self, request: str) -> bytes | None:
        found = self.store.find(request)
        return None if found is None else found.content
