"""Published CRLs for those who hand them on: SCEP's GetCRL, and what HTTP may say of how long to keep them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.revocation.crl_blobs import MAX_AGE
from shared.revocation.labels import Label
from shared.store.ports import PublicationStore

_CA_CERTIFICATES = timedelta(days=1)  # a CA certificate changes with its CA


@dataclass(frozen=True, slots=True)
class PublishedCRLs:
    """`publications` opens the store when it is first needed, which few requests do."""

    publications: Callable[[], PublicationStore]

    def read(self, issuer: str) -> bytes | None:
        """The full CRL (DER) of an issuer, by id; None if it has published none. Raises StoreUnavailable."""
        found = self.publications().read(f"crl/{issuer}.crl")
        return None if found is None else found.data


def freshness(folder: str, metadata: Mapping[str, str], now: datetime) -> timedelta:
    """How long a cache may keep a publication: a CRL for five minutes, because it may change at any time, and never
    beyond its nextUpdate."""
    if folder != "crl":
        return _CA_CERTIFICATES
    longest = timedelta(seconds=MAX_AGE)
    if "next_update" not in metadata:  # the root's, or a copy in PEM
        return longest
    left = Label.read("a CRL", metadata).next_update - now
    return max(timedelta(0), min(longest, left))
