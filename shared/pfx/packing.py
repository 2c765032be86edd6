"""From parcels to what a device can open. Each parcel for itself: one that fails says why and takes no other with it.

A key that is away is waited for, unless it alone is: other keys answer, and it was tried several times or is known to
be gone from before.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.errors import (
    Conflict,
    IntegrityFailure,
    KeyUnavailable,
    PKIError,
    RequestError,
    UnknownCertificate,
)
from shared.pfx.candidates import Candidate
from shared.pfx.import_keys import ImportKeys, opened
from shared.pfx.imported_delivery import Item
from shared.pfx.imported_ports import PasswordSealer
from shared.pfx.shell import check_shell
from shared.store.parcels import ParcelStore, PrivateBlobs
from shared.store.pfx_requests import Part
from shared.x509.certificate import Certificate

log = logging.getLogger("scepter.pfx")

PATIENCE: Final = 3
"""How often a request is put off for one key that does not answer while others do: about a minute in all."""
MOST_PARCELS: Final = 64
MOST_BYTES: Final = 32 * 1024 * 1024
"""Of one delivery."""


class TooMuch(RequestError):
    """A parcel that is left out because the delivery is full."""

    public = "Too much for one delivery."


class AllFailed(RequestError):
    """Not one parcel of a request can be delivered; `parts` say why."""

    def __init__(self, failures: Sequence[tuple[Candidate, PKIError]]) -> None:
        told = "; ".join(f"{each.thumbprint or 'parcel'}: {error.reason}" for each, error in failures[:5])
        super().__init__(told, public=_public(failures[0][1]))
        self.parts = tuple(_part(each, error) for each, error in failures)


@dataclass(frozen=True, slots=True)
class Packed:
    """What can be delivered, and why the rest cannot."""

    items: tuple[Item, ...]
    failures: tuple[Part, ...]


@dataclass(slots=True)
class _Run:
    done: list[tuple[Candidate, Item]] = field(default_factory=list)
    failures: list[tuple[Candidate, PKIError]] = field(default_factory=list)
    waiting: list[tuple[Candidate, KeyUnavailable]] = field(default_factory=list)
    size: int = 0


@dataclass(frozen=True, slots=True)
class Packer:
    """`largest` is the size of a PFX at most, in bytes."""

    parcels: ParcelStore
    blobs: PrivateBlobs
    keys: ImportKeys
    sealer: PasswordSealer
    clock: Callable[[], datetime]
    largest: int

    def pack(self, candidates: Sequence[Candidate], recipient: Certificate, attempt: int) -> Packed:
        """`attempt` counts how often this was put off. Raises AllFailed, KeyUnavailable, StoreUnavailable."""
        run = _Run()
        for candidate in candidates:
            self._try(candidate, recipient, run)
        _give_up_waiting(run, attempt)
        self._note(run)
        if not run.done:
            raise AllFailed(run.failures)
        failures = (_part(candidate, error) for candidate, error in run.failures)
        return Packed(tuple(item for _, item in run.done), tuple(failures))

    def _try(self, candidate: Candidate, recipient: Certificate, run: _Run) -> None:
        try:
            if len(run.done) >= MOST_PARCELS or run.size >= MOST_BYTES:
                raise TooMuch("the delivery is full")
            pfx = self._file(candidate)
            with opened(self.keys, candidate.password) as secret:
                sealed = self.sealer.seal(secret, recipient)
        except KeyUnavailable as error:
            run.waiting.append((candidate, error))
        except RequestError as error:
            run.failures.append((candidate, error))
        else:
            run.size += len(pfx)
            run.done.append((candidate, Item(candidate.thumbprint, candidate.purpose.value, pfx, sealed)))

    def _file(self, candidate: Candidate) -> bytes:
        pfx = self.blobs.read(candidate.blob, self.largest)
        if pfx is None:
            raise UnknownCertificate(
                f"there is no blob {candidate.blob}", public="The PFX file is not there."
            )
        check_shell(pfx)
        if candidate.digest and hashlib.sha256(pfx).hexdigest() != candidate.digest:
            raise IntegrityFailure(
                f"blob {candidate.blob} is not the file that was imported",
                public="The PFX file is not the one that was imported.",
            )
        return pfx

    def _note(self, run: _Run) -> None:
        """Write down at stored parcels what became of them, where that is news."""
        told = [(candidate, "") for candidate, _ in run.done]
        told += [(each, error.reason) for each, error in run.failures if not isinstance(error, TooMuch)]
        for candidate, failure in told:
            parcel = candidate.parcel
            if parcel is None or parcel.failure == failure:
                continue
            if failure:
                log.error("parcel %s of %s cannot be delivered: %s", parcel.thumbprint, parcel.user, failure)
            with suppress(Conflict):  # somebody changed it meanwhile, so this may be true no more
                self.parcels.note_failure(parcel, failure, self.clock() if failure else None)


def _give_up_waiting(run: _Run, attempt: int) -> None:
    """Count those as failed whose keys need not be waited for. Raises KeyUnavailable where waiting is better."""
    answering = {_key(candidate) for candidate, _ in run.done}
    for candidate, error in run.waiting:
        alone = bool(answering) and _key(candidate) not in answering
        if not alone or (attempt < PATIENCE and not candidate.failed_before):
            raise error
        run.failures.append((candidate, error))


def _key(candidate: Candidate) -> tuple[str, str]:
    return candidate.password.key, candidate.password.version


def _part(candidate: Candidate, error: PKIError) -> Part:
    return Part(candidate.thumbprint, candidate.purpose.value, _public(error))


def _public(error: PKIError) -> str:
    return "Its import key cannot be used." if isinstance(error, KeyUnavailable) else error.public
