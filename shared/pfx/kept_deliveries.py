"""Deliveries as private blobs, one for each request. Who fetches them, and how, is not decided here."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from shared.errors import Conflict, StoreUnavailable
from shared.store.parcels import PrivateBlobs

DELIVERED: Final = "delivered/"
"""How names of blobs begin that hold deliveries."""
_MOST: Final = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class KeptDeliveries:
    """Deliveries."""

    blobs: PrivateBlobs

    def put(self, request: str, content: bytes, *, device: str) -> bytes:
        del device
        try:
            self.blobs.create(self._name(request), content)
        except Conflict:
            stands = self.find(request)
            if stands is None:
                raise StoreUnavailable(f"the delivery of {request} was there and is gone") from None
            return stands
        return content

    def find(self, request: str) -> bytes | None:
        """What stands under a request's id."""
        return self.blobs.read(self._name(request), _MOST)

    @staticmethod
    def _name(request: str) -> str:
        return f"{DELIVERED}{hashlib.sha256(request.encode()).hexdigest()}.json"
