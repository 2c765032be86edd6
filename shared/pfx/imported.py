"""Delivering imported PFX files: the password is opened and sealed to the device, the file stays as it is.

Each request once in effect, however often it comes: its delivery is put under its id and stands. A parcel that cannot
be delivered is on record with its failure and holds nobody up; what else was asked for is delivered.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from shared.errors import ChallengeRejected, MalformedMessage, PolicyViolation, RequestError
from shared.pfx.candidates import Candidate, choose
from shared.pfx.import_keys import check_padding
from shared.pfx.imported_delivery import ImportedDelivery
from shared.pfx.imported_ports import Deliveries
from shared.pfx.imported_recipients import ImportedRecipients, read_certificate
from shared.pfx.imported_request import BROUGHT, KIND, PFXRequest, delivery_id
from shared.pfx.packing import AllFailed, Packer
from shared.pfx.results import Results
from shared.policy.callers import Caller
from shared.store.orders import OrderEntry, OrderState
from shared.store.parcels import ParcelStore
from shared.store.pfx_requests import PFXRequestEntry, PFXRequestLog, RequestState

log = logging.getLogger("scepter.pfx")
_STATES = {
    RequestState.BEGUN: OrderState.ACCEPTED,
    RequestState.DELIVERED: OrderState.DELIVERED,
    RequestState.FAILED: OrderState.FAILED,
}


class NothingToDeliver(RequestError):
    """The user has no such parcel here. Nobody has to mend anything."""


@dataclass(frozen=True, slots=True)
class ImportedPFX:
    """`callers` are by name, as the policy file has them."""

    callers: Mapping[str, Caller]
    parcels: ParcelStore
    requests: PFXRequestLog
    recipients: ImportedRecipients
    packer: Packer
    deliveries: Deliveries
    results: Results
    clock: Callable[[], datetime]

    def accept(self, request: PFXRequest) -> PFXRequestEntry | None:
        """Put a request on record that will be handled from the queue; what can be refused while the caller listens is
        refused. Returns what was on record of the request already.

        Raises MalformedMessage, also where the id was another request's; AlgorithmRefused, PolicyViolation.
        """
        self._check(request)
        known = self.requests.begin(self._entry(request))
        _check_same(known, request)
        return known

    def handle(self, request: PFXRequest, *, attempt: int = 0) -> PFXRequestEntry:
        """Deliver; returns what is on record then. `attempt` counts how often this was put off.

        Raises RequestError when nothing can be delivered, which is on record then; KeyUnavailable, StoreUnavailable.
        """
        entry = self._entry(request)
        known = self.requests.begin(entry)
        _check_same(known, request)
        if known is not None and known.state is RequestState.DELIVERED:
            self._tell(request, known)
            return known
        entry = known or entry
        try:
            # Who died before it was on record may have delivered, and nothing undoes that.
            stands = None if known is None else self.deliveries.find(request.delivery)
            delivery = self._delivered(request, attempt) if stands is None else _read(request, stands)
        except RequestError as error:
            return self._failed(request, entry, error)
        entry = self._conclude(entry, delivery)
        self._tell(request, entry)
        return entry

    def _conclude(self, entry: PFXRequestEntry, delivery: ImportedDelivery) -> PFXRequestEntry:
        entry = replace(
            entry,
            state=RequestState.DELIVERED,
            recipient=delivery.recipient,
            parts=delivery.parts,
            failure="",
            ended_at=self.clock(),
        )
        self.requests.deliver(entry)
        log.info(
            "PFX request %s of %s: %d delivered to device %s, %d failed",
            entry.id,
            entry.caller,
            len(delivery.items),
            entry.device,
            len(delivery.failures),
        )
        return entry

    def _check(self, request: PFXRequest) -> Caller:
        caller = self.callers.get(request.caller)
        if caller is None:
            raise ChallengeRejected(
                f"no caller {request.caller!r:.80} in the policy file", public="Unknown caller."
            )
        caller.check_pfx("stored" if request.parcel is None else "brought", request.user)
        if request.parcel is not None:
            check_padding(request.parcel.padding)
            _check_own(request.caller, request.parcel.blob)
        if request.certificate:
            read_certificate(request.certificate)
        self.results.check(request.result, request.caller)
        return caller

    def _delivered(self, request: PFXRequest, attempt: int) -> ImportedDelivery:
        caller = self._check(request)
        recipient = self.recipients.find(request, caller, self.clock())
        candidates = self._candidates(request)
        if not candidates:
            raise NothingToDeliver(
                f"nothing is imported for user {request.user!r:.80}",
                public="No such certificate is imported for that user.",
            )
        packed = self.packer.pack(candidates, recipient, attempt)
        delivery = ImportedDelivery(
            request=request.id,
            user=request.user,
            device=request.device,
            recipient=recipient.serial_hex,
            items=packed.items,
            failures=packed.failures,
        )
        # A twin may have been first, and with another outcome.
        return _read(request, self.deliveries.put(request.delivery, delivery.build()))

    def _candidates(self, request: PFXRequest) -> list[Candidate]:
        if request.parcel is not None:
            return [Candidate.brought(request.parcel)]
        found = self.parcels.of_user(request.user)
        return [Candidate.stored(parcel) for parcel in choose(found, request.purposes, self.clock())]

    def _entry(self, request: PFXRequest) -> PFXRequestEntry:
        return PFXRequestEntry(
            caller=request.caller,
            id=request.id,
            digest=request.digest,
            user=request.user,
            device=request.device,
            begun_at=self.clock(),
        )

    def _failed(self, request: PFXRequest, entry: PFXRequestEntry, error: RequestError) -> PFXRequestEntry:
        parts = error.parts if isinstance(error, AllFailed) else ()
        failed = replace(
            entry, state=RequestState.FAILED, parts=parts, failure=error.public, ended_at=self.clock()
        )
        stands = self.requests.fail(failed)
        if stands.state is RequestState.DELIVERED:  # by a twin
            return stands
        log.warning("PFX request %s of %s failed: %s", entry.id, entry.caller, error.reason)
        with suppress(PolicyViolation):  # where results may not go there, that is what failed
            self._tell(request, stands)
        if isinstance(error, NothingToDeliver):
            return stands
        raise error

    def _tell(self, request: PFXRequest, entry: PFXRequestEntry) -> None:
        self.results.tell(request.result, as_order(entry))


def as_order(entry: PFXRequestEntry) -> OrderEntry:
    """The request as one order among others, for telling how it ended."""
    return OrderEntry(
        kind=KIND,
        caller=entry.caller,
        id=entry.id,
        digest=entry.digest,
        profile="",
        state=_STATES[entry.state],
        requested_at=entry.begun_at,
        handled_at=entry.ended_at or entry.begun_at,
        device=entry.device,
        user=entry.user,
        delivery=delivery_id(entry.caller, entry.id),
        note=entry.failure,
    )


def _read(request: PFXRequest, stands: bytes) -> ImportedDelivery:
    """What stands for the request; nothing in it is left once the device has acknowledged it."""
    if not stands:
        return ImportedDelivery.gone(request.id, request.user, request.device)
    return ImportedDelivery.parse(stands)


def _check_own(caller: str, blob: str) -> None:
    if not blob.startswith(f"{BROUGHT}{caller}/"):
        raise PolicyViolation(
            f"blob {blob!r:.120} is not one that caller {caller} may have brought",
            public=f"A parcel's blob has to be below {BROUGHT}{caller}/.",
        )


def _check_same(known: PFXRequestEntry | None, request: PFXRequest) -> None:
    if known is not None and known.digest != request.digest:
        raise MalformedMessage(
            f"PFX request {request.id} of {request.caller} was made before, and otherwise",
            public="A request with this id was made before, and it asked for something else.",
        )
