"""Carrying out one effect of an event on one certificate, and whether there is anything to carry out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from shared.devices.event import DeviceEvent
from shared.devices.plan import Effect
from shared.revocation.holds import held_by, revoked_by
from shared.revocation.service import RevocationService
from shared.store.devices import Hold, HoldStore
from shared.store.ports import CertificateRecord, Status


@dataclass(frozen=True, slots=True)
class Acts:
    """Each may be repeated. `revocations.clock` gives the time now."""

    revocations: RevocationService
    holds: HoldStore

    def carry_out(self, effect: Effect, event: DeviceEvent) -> str:
        """Do it; returns what became of the certificate, empty if somebody was first."""
        claim, note = effect.claim, f"{event.type.value} {event.id}"
        if effect.act == "lift":
            by = held_by(event.source)
            record = self.revocations.lift(claim.issuer, claim.serial, held_by=by)
            self.holds.forget(_hold(effect, event, by, self.revocations.clock()))
            return "lifted" if record.status is Status.GOOD else ""
        if effect.act == "revoke":
            self.revocations.revoke_claim(claim, effect.reason, by=revoked_by(event.source), note=note)
            return "revoked"
        by = revoked_by(event.source) if effect.pending else held_by(event.source)
        record = self.revocations.revoke_claim(claim, "certificateHold", by=by, note=note)
        if effect.pending and record.revocation and record.revocation.by == held_by(event.source):
            # Good news would lift that hold, and with it what is to become a revocation.
            record = self.revocations.take_over(claim.issuer, claim.serial, by=by, note=note)
        standing = record.revocation
        if standing is not None and standing.status is Status.HELD:
            self.holds.remember(_hold(effect, event, standing.by, standing.at))
        return "held" if record.status is Status.HELD else ""


def _hold(effect: Effect, event: DeviceEvent, by: str, held_at: datetime) -> Hold:
    return Hold(
        issuer=effect.claim.issuer,
        serial=effect.claim.serial,
        source=event.source,
        event=event.id,
        owner=event.owners[0],
        by=by,
        held_at=held_at,
        due=effect.final_at,
        reason=effect.reason,
    )


def holds(effect: Effect) -> bool:
    """Whether it is a hold that good news lifts."""
    return effect.act == "hold" and not effect.pending


def opposite(effect: Effect) -> Effect:
    """The hold for a lift, and the lift for a hold."""
    return replace(effect, act="lift" if effect.act == "hold" else "hold")


def is_reversible(effect: Effect) -> bool:
    """A revocation that is only a hold at first is none of what good news undoes."""
    return effect.act == "lift" or holds(effect)


def changes(effect: Effect, record: CertificateRecord | None, source: str) -> bool:
    """Whether the effect would change anything as the record is now."""
    if record is None:
        return effect.act != "lift"
    if record.status is Status.REVOKED:
        return False
    if effect.act == "lift":
        return record.revocation is not None and record.revocation.by == held_by(source)
    return effect.act == "revoke" or effect.pending or record.status is Status.GOOD
