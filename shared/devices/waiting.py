"""Enrolments that wait for an administrator: what happened to their device meanwhile says no before he can say yes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime

from shared.devices.event import DeviceEvent
from shared.devices.plan import TOLERANCE
from shared.policy.profile import Profile
from shared.revocation.holds import revoked_by
from shared.store.pending import Decision, PendingRequest, PendingRequests, Verdict

log = logging.getLogger("scepter.devices")


def deny_waiting(
    requests: PendingRequests,
    event: DeviceEvent,
    owners: Collection[str],
    profiles: Mapping[str, Profile],
    now: datetime,
) -> int:
    """Deny what `owners` asked for before the event, where the profile would revoke what it got; returns how many.
    Raises StoreUnavailable, Conflict."""
    denied = 0
    for request in requests.all():
        if not _is_of(request, owners) or request.state == Decision.DENIED or now >= request.ends_at:
            continue
        if _was_there(request, event) and _revokes(event, profiles.get(request.profile)):
            note = f"{event.type.value} {event.id}"
            requests.decide(request, Verdict(Decision.DENIED, revoked_by(event.source), now, note))
            log.warning("request %s is denied: its device was %s", request.id, event.type.value)
            denied += 1
    return denied


def _is_of(request: PendingRequest, owners: Collection[str]) -> bool:
    mine = {f"device:{request.device.lower()}", f"user:{request.user.lower()}"}
    return not mine.isdisjoint(owners)


def _was_there(request: PendingRequest, event: DeviceEvent) -> bool:
    minted = request.challenge_minted_at
    return request.requested_at <= event.occurred_at + TOLERANCE or (
        minted is not None and minted <= event.occurred_at
    )


def _revokes(event: DeviceEvent, profile: Profile | None) -> bool:
    return profile is not None and profile.events.rule(event.type).action == "revoke"
