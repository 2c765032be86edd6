"""Reading published CRLs back, for those who hand them on by another way than HTTP."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.store.ports import PublicationStore


@dataclass(frozen=True, slots=True)
class PublishedCRLs:
    """`publications` opens the store when it is first needed, which few requests do."""

    publications: Callable[[], PublicationStore]

    def read(self, issuer: str) -> bytes | None:
        """The CRL (DER) of an issuer, by id; None if it has published none. Raises StoreUnavailable."""
        found = self.publications().read(f"crl/{issuer}.crl")
        return None if found is None else found.data
