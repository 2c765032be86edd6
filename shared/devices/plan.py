"""What an event would do: which certificates of its device it reaches, and what its profile's rule says of each.

Nothing is read or written here but what is passed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from shared.devices.event import DeviceEvent
from shared.policy.events import EventRule, EventRules, EventType
from shared.policy.profile import Profile
from shared.store.ports import Claim
from shared.x509.serial import expiry_day, is_ours

TOLERANCE: Final = timedelta(minutes=5)
"""A certificate that was issued so long after the event still counts as issued before it: clocks differ."""
_USUAL: Final = EventRules()


@dataclass(frozen=True, slots=True)
class Effect:
    """What is to happen to what a claim promises. `at` is when; a hold with `final_at` becomes a revocation then."""

    claim: Claim
    act: Literal["revoke", "hold", "lift"]
    reason: str
    at: datetime
    final_at: datetime | None = None
    pending: bool = False
    """A revocation that is only a hold at first."""


def plan(
    event: DeviceEvent, claims: Iterable[Claim], profiles: Mapping[str, Profile], *, bulk: bool, now: datetime
) -> list[Effect]:
    """The effects on `claims`, which are all of the event's device. `bulk`: the source is one that may be wrong."""
    live = [claim for claim in claims if not _has_ended(claim, now)]
    reached = live if event.type is EventType.ENABLED else reach(live, event.occurred_at)
    effects = []
    for claim in reached:
        profile = profiles.get(claim.profile)
        rules = profile.events if profile else _USUAL  # certificates outlive their profiles
        effect = _effect(event, claim, rules, bulk=bulk, now=now)
        if effect is not None:
            effects.append(effect)
    return effects


def _effect(
    event: DeviceEvent, claim: Claim, rules: EventRules, *, bulk: bool, now: datetime
) -> Effect | None:
    rule = rules.rule(event.type)
    if rule.action == "ignore":
        return None
    at = event.occurred_at + rule.after
    if rule.action == "lift":
        return Effect(claim, "lift", "", at)
    if rule.action == "revoke" and bulk and rules.bulk_grace:
        return Effect(claim, "hold", rule.reason, at, now + rules.bulk_grace, pending=True)
    if rule.action == "revoke":
        return Effect(claim, "revoke", rule.reason, at)
    return Effect(claim, "hold", rule.reason, at, _end_of_hold(rule, now))


def _end_of_hold(rule: EventRule, now: datetime) -> datetime | None:
    return None if rule.final_after is None else now + rule.final_after


def reach(claims: Iterable[Claim], occurred_at: datetime) -> list[Claim]:
    """Those that were there when it happened: claimed by then, resting on a challenge minted by then, or renewed on
    the strength of one of these. What was enrolled afresh afterwards is not meant."""
    waiting = list(claims)
    reached = [claim for claim in waiting if _was_there(claim, occurred_at)]
    serials = {claim.serial for claim in reached}
    while True:
        heirs = [claim for claim in waiting if claim.serial not in serials and _inherits(claim, serials)]
        if not heirs:
            return reached
        reached += heirs
        serials |= {claim.serial for claim in heirs}


def sweep_again_at(event: DeviceEvent, profiles: Mapping[str, Profile]) -> datetime | None:
    """When all challenges that were minted and all keys that were ordered before the event have ended, if one of them
    could still be used for a certificate that the event would reach; None if not."""
    lives = [
        profile.promise_life
        for profile in profiles.values()
        if profile.promise_life and profile.events.rule(event.type).action in ("revoke", "hold")
    ]
    return event.occurred_at + max(lives) + TOLERANCE if lives else None


def _was_there(claim: Claim, occurred_at: datetime) -> bool:
    minted = claim.challenge_minted_at
    return claim.claimed_at <= occurred_at + TOLERANCE or (minted is not None and minted <= occurred_at)


def _inherits(claim: Claim, serials: set[str]) -> bool:
    word, _, predecessor = claim.vouched_by.partition(":")
    return word == "renewal" and predecessor in serials


def _has_ended(claim: Claim, now: datetime) -> bool:
    return is_ours(claim.serial) and expiry_day(claim.serial) < now.date()
