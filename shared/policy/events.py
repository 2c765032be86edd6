"""What an event does to the certificates of its device or user: `[profiles.<name>.events]`, and who may tell of events.

Reasons are those of RFC 5280 5.3.1. docs/events.md describes every field.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field, field_validator, model_validator

from shared.policy.callers import VoucherName
from shared.policy.entry import Entry, contradiction

Act = Literal["revoke", "hold", "lift", "ignore"]
Reason = Literal[
    "unspecified",
    "keyCompromise",
    "affiliationChanged",
    "superseded",
    "cessationOfOperation",
    "privilegeWithdrawn",
]


class EventType(StrEnum):
    """What happened to a device or to a user, or what is wanted of one certificate."""

    WIPED = "wiped"
    RETIRED = "retired"
    DELETED = "deleted"
    UNASSIGNED = "unassigned"
    DISABLED = "disabled"
    ENABLED = "enabled"
    LOST = "lost"
    USER_REMOVED = "userRemoved"
    NONCOMPLIANT = "noncompliant"
    MISSING = "missing"
    REVOCATION_REQUESTED = "revocationRequested"


class EventRule(Entry):
    """What one type of event does. Of a hold, `reason` is what it becomes after `hold_days`."""

    action: Act
    reason: Reason = "unspecified"
    hold_days: Annotated[int, Field(ge=1, le=365)] | None = None
    after_hours: Annotated[int, Field(ge=0, le=168)] = 0

    @model_validator(mode="after")
    def _has_effect(self) -> EventRule:
        given = self.model_fields_set
        if "hold_days" in given and self.action != "hold":
            raise contradiction("it has no effect without a hold", "hold_days")
        if "reason" in given and self.action != "revoke" and self.hold_days is None:
            raise contradiction("nothing is revoked, so there is no reason to give", "reason")
        if "after_hours" in given and self.action in ("lift", "ignore"):
            raise contradiction("only a revocation or a hold can wait", "after_hours")
        return self

    @property
    def after(self) -> timedelta:
        """How long after the event it is acted on, if nothing newer speaks against it by then."""
        return timedelta(hours=self.after_hours)

    @property
    def final_after(self) -> timedelta | None:
        """How long a hold lasts before it becomes a revocation; None: until somebody lifts it."""
        return None if self.hold_days is None else timedelta(days=self.hold_days)


def _revoke(reason: Reason, after_hours: int = 0) -> EventRule:
    return EventRule(action="revoke", reason=reason, after_hours=after_hours)


# Acts that are certain take effect at once; a device that merely was not found gets three days to turn up.
DEFAULTS: Final = MappingProxyType(
    {
        EventType.WIPED: _revoke("cessationOfOperation"),
        EventType.RETIRED: _revoke("cessationOfOperation"),
        EventType.DELETED: _revoke("cessationOfOperation"),
        EventType.UNASSIGNED: _revoke("privilegeWithdrawn"),
        EventType.DISABLED: EventRule(action="hold"),
        EventType.ENABLED: EventRule(action="lift"),
        EventType.LOST: _revoke("keyCompromise"),
        EventType.USER_REMOVED: _revoke("affiliationChanged"),
        EventType.NONCOMPLIANT: EventRule(action="ignore"),
        EventType.MISSING: _revoke("cessationOfOperation", after_hours=72),
        EventType.REVOCATION_REQUESTED: _revoke("cessationOfOperation"),
    }
)


class EventRules(Entry):
    """One `[profiles.<name>.events]` table: a rule for each type of event, and how bulk sources are met."""

    wiped: EventRule = DEFAULTS[EventType.WIPED]
    retired: EventRule = DEFAULTS[EventType.RETIRED]
    deleted: EventRule = DEFAULTS[EventType.DELETED]
    unassigned: EventRule = DEFAULTS[EventType.UNASSIGNED]
    disabled: EventRule = DEFAULTS[EventType.DISABLED]
    enabled: EventRule = DEFAULTS[EventType.ENABLED]
    lost: EventRule = DEFAULTS[EventType.LOST]
    userRemoved: EventRule = DEFAULTS[EventType.USER_REMOVED]  # noqa: N815 - events are named as on the wire
    noncompliant: EventRule = DEFAULTS[EventType.NONCOMPLIANT]
    missing: EventRule = DEFAULTS[EventType.MISSING]
    revocationRequested: EventRule = DEFAULTS[EventType.REVOCATION_REQUESTED]  # noqa: N815
    bulk_grace_hours: Annotated[int, Field(ge=0, le=720)] = 24

    @field_validator(*EventType)
    @classmethod
    def _lifts_on_good_news_only(cls, rule: EventRule, info: object) -> EventRule:
        enabled = getattr(info, "field_name", "") == EventType.ENABLED
        if enabled and rule.action not in ("lift", "ignore"):
            raise contradiction("a device that is enabled is neither held nor revoked", "action")
        if not enabled and rule.action == "lift":
            raise contradiction("only enabled lifts a hold", "action")
        if rule.after_hours and getattr(info, "field_name", "") == EventType.REVOCATION_REQUESTED:
            raise contradiction("whoever asks for it is told at once what became of it", "after_hours")
        return rule

    def rule(self, kind: EventType) -> EventRule:
        """The rule for events of `kind`."""
        found: EventRule = getattr(self, kind.value)
        return found

    @property
    def bulk_grace(self) -> timedelta:
        """How long what a bulk source revokes is only held at first; zero: revoked at once."""
        return timedelta(hours=self.bulk_grace_hours)


@dataclass(frozen=True, slots=True)
class SourceTerms:
    """How events of a source are met, whether it is in the file or one of our own."""

    bulk: bool
    types: frozenset[EventType]
    most_devices: int | None = None


class EventSource(Entry):
    """One `[[event_sources]]` entry: a program that tells of events, at `/events/<name>` or through the queue."""

    name: VoucherName
    reader: Literal["generic", "jamf"] = "generic"
    events: Annotated[tuple[str, ...], Field(min_length=1)] = tuple(EventType)
    bulk: bool = False
    most_devices: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    @field_validator("name")
    @classmethod
    def _not_one_of_ours(cls, value: str) -> str:
        if value in OUR_OWN:
            raise contradiction(f"{value} is a source of Scepter's own")
        return value

    @field_validator("events")
    @classmethod
    def _known_types(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name not in set(EventType):
                raise contradiction(f"there is no event type {name!r:.40}")
        return value

    @property
    def terms(self) -> SourceTerms:
        return SourceTerms(self.bulk, frozenset(map(EventType, self.events)), self.most_devices)


_ALL_TYPES: Final = frozenset(EventType)
# What these tell comes in bulk, and is as good as a listing or a queue that somebody may have got wrong.
OUR_OWN: Final = MappingProxyType(
    {
        "directory": SourceTerms(bulk=True, types=_ALL_TYPES),
        "intune": SourceTerms(bulk=True, types=_ALL_TYPES),
        "graph": SourceTerms(bulk=True, types=_ALL_TYPES),
    }
)
UNLISTED: Final = SourceTerms(bulk=False, types=_ALL_TYPES)
"""Of a source that the file does not name: it can only have come through the queue, which asks for a role."""
