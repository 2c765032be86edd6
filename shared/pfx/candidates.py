"""Which parcels a request is about: the one that it brings, or of a user's all to decrypt and the newest to sign.

Expired certificates still decrypt what was sent when they were valid; they sign nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from shared.pfx.imported_request import BroughtParcel
from shared.store.parcels import Parcel, Purpose, SealedPassword


@dataclass(frozen=True, slots=True)
class Candidate:
    """A PFX to deliver. `digest` is the SHA-256 that its file had when it was imported, empty for one that was brought;
    `parcel` is what is on record of it, None for one that was brought."""

    thumbprint: str
    purpose: Purpose
    password: SealedPassword = field(repr=False)
    blob: str
    digest: str = ""
    parcel: Parcel | None = None

    @classmethod
    def stored(cls, parcel: Parcel) -> Candidate:
        """From a parcel on record."""
        return cls(parcel.thumbprint, parcel.purpose, parcel.password, parcel.blob, parcel.digest, parcel)

    @classmethod
    def brought(cls, parcel: BroughtParcel) -> Candidate:
        """From a parcel of a request."""
        password = SealedPassword(parcel.key, parcel.key_version, parcel.ciphertext)
        return cls(parcel.thumbprint, parcel.purpose, password, parcel.blob)

    @property
    def failed_before(self) -> bool:
        """Whether it is known that it cannot be delivered; then nobody waits for it."""
        return self.parcel is not None and bool(self.parcel.failure)


def choose(parcels: Iterable[Parcel], purposes: frozenset[Purpose], now: datetime) -> list[Parcel]:
    """All encryption certificates, the newest first, then the signing certificate that began last and still holds."""
    newest_first = sorted(parcels, key=lambda parcel: (parcel.not_before, parcel.thumbprint), reverse=True)
    chosen = [
        parcel
        for parcel in newest_first
        if parcel.purpose is Purpose.ENCRYPTION and Purpose.ENCRYPTION in purposes
    ]
    if Purpose.SIGNING in purposes:
        signing = (parcel for parcel in newest_first if parcel.purpose is Purpose.SIGNING)
        chosen += [parcel for parcel in signing if parcel.not_before <= now <= parcel.not_after][:1]
    return chosen
