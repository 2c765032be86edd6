"""Keeping parcels: taken in once for each user and thumbprint, removed, and moved from one import key to the next."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.errors import Conflict, KeyUnavailable, PolicyViolation, RequestError, UnknownCertificate
from shared.pfx.import_keys import ImportKey, ImportKeys, check_padding, opened, versioned
from shared.pfx.parcel_order import ParcelOrder, too_large
from shared.pfx.shell import check_shell
from shared.store.parcels import Parcel, ParcelStore, PrivateBlobs

log = logging.getLogger("scepter.pfx")

STORED: Final = "stored/"
"""How names of blobs begin that belong to parcels on record."""


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What one run of `rekey` did. `next` says where to go on, empty at the end."""

    moved: int
    failures: tuple[tuple[Parcel, str], ...]
    next: str


@dataclass(frozen=True, slots=True)
class Parcels:
    """`largest` is the size of a PFX at most, in bytes."""

    store: ParcelStore
    blobs: PrivateBlobs
    keys: ImportKeys
    clock: Callable[[], datetime]
    largest: int

    def take(self, order: ParcelOrder, *, by: str) -> tuple[Parcel, bool]:
        """Keep a parcel; returns it, and whether it was there already. The PFX stays closed; that the password opens
        with our key is tried, and what it is forgotten.

        Raises MalformedMessage, AlgorithmRefused, IntegrityFailure, PolicyViolation.
        """
        if len(order.pfx) > self.largest:
            raise too_large(len(order.pfx), self.largest)
        check_shell(order.pfx)
        check_padding(order.padding)
        known = self.store.find(order.user, order.thumbprint)
        if known is not None:
            return _same(known, order), True
        parcel = self._parcel(order, by)
        self.blobs.put(parcel.blob, order.pfx)  # first, so that no record names a file that is not there
        try:
            self.store.add(parcel)
        except Conflict:
            winner = self.store.find(order.user, order.thumbprint)
            if winner is None:
                raise
            return _same(winner, order), True
        log.info("parcel %s of %s imported by %s (%s)", parcel.thumbprint, parcel.user, by, parcel.purpose)
        return parcel, False

    def find(self, user: str, thumbprint: str) -> Parcel:
        """Raises UnknownCertificate."""
        found = self.store.find(user.lower(), thumbprint.lower())
        if found is None:
            raise UnknownCertificate(
                f"no parcel {thumbprint!r:.60} of {user!r:.80}", public="No such parcel."
            )
        return found

    def remove(self, user: str, thumbprint: str, *, by: str) -> Parcel:
        """Forget a parcel. The file goes first: a record without it can be removed again. Raises UnknownCertificate."""
        parcel = self.find(user, thumbprint)
        self.blobs.remove(parcel.blob)
        self.store.remove(parcel.user, parcel.thumbprint)
        log.info("parcel %s of %s removed by %s", parcel.thumbprint, parcel.user, by)
        return parcel

    def count_by_key(self) -> list[tuple[ImportKey | None, str, str, int]]:
        """Each import key with its name, its version, and how many parcels are sealed to it; None for keys that are
        ours no more. The current one first."""
        counts = Counter((parcel.password.key, parcel.password.version) for parcel in self.store.all())
        known = {(key.name, key.version): key for key in self.keys.versions()}
        names = [*known, *sorted(set(counts) - set(known))]
        return [(known.get(each), *each, counts[each]) for each in names]

    def rekey(self, start: str, most: int) -> Rekeyed:
        """Seal up to `most` passwords to the current key, from the users after `start` on. What has it already is
        passed over, so that going on after a crash costs no more than looking. Raises KeyUnavailable if the current
        key is away, StoreUnavailable."""
        current, away, last = self.keys.versions()[0], dict[str, str](), ""
        moved, failures = 0, list[tuple[Parcel, str]]()
        for parcel in self.store.all(start):
            if parcel.user == start:
                continue
            if moved + len(failures) >= most and parcel.user != last:
                return Rekeyed(moved, tuple(failures), last)
            last = parcel.user
            if (parcel.password.key, parcel.password.version) == (current.name, current.version):
                continue
            try:
                if parcel.password.version not in away:  # each such try may wait for the vault
                    moved += self._reseal(parcel, current)
                    continue
            except KeyUnavailable as error:
                away[parcel.password.version] = error.reason
            except RequestError as error:
                failures.append((parcel, error.reason))
                continue
            failures.append((parcel, away[parcel.password.version]))
        return Rekeyed(moved, tuple(failures), "")

    def _reseal(self, parcel: Parcel, current: ImportKey) -> int:
        with opened(self.keys, parcel.password) as secret:
            password = current.seal(bytes(secret))  # the library takes nothing else
        try:
            self.store.reseal(parcel, password)
        except Conflict:  # somebody else is at it, or it was removed
            return 0
        return 1

    def _parcel(self, order: ParcelOrder, by: str) -> Parcel:
        digest = hashlib.sha256(order.pfx).hexdigest()
        owner = hashlib.sha256(order.user.encode()).hexdigest()[:32]
        return Parcel(
            user=order.user,
            thumbprint=order.thumbprint,
            purpose=order.purpose,
            not_before=order.not_before,
            not_after=order.not_after,
            subject=order.subject,
            password=versioned(self.keys, order.password),
            blob=f"{STORED}{owner}/{order.thumbprint}-{digest[:16]}.pfx",
            size=len(order.pfx),
            digest=digest,
            imported_at=self.clock(),
            imported_by=by,
        )


def _same(known: Parcel, order: ParcelOrder) -> Parcel:
    """What is on record, if the order says the same of it. The file may differ: the same key and certificate under
    another password are no other parcel."""
    if known.purpose is not order.purpose:
        reason = (
            f"{known.thumbprint} of {known.user} is imported already, for {known.purpose}; delete it first"
        )
        raise PolicyViolation(reason, public=f"{reason}.")
    return known
