"""From what the directory says to what that means for certificates: one condition for each device and each user.

Pure. A condition is worse than those after it; `fine` is none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.policy.events import EventType

FINE: Final = "fine"
_DEVICE_EVENTS: Final[Mapping[str, EventType]] = {
    "wiped": EventType.WIPED,
    "retired": EventType.RETIRED,
    "deleted": EventType.DELETED,
    "missing": EventType.MISSING,
    "disabled": EventType.DISABLED,
    FINE: EventType.ENABLED,
}
_USER_EVENTS: Final[Mapping[str, EventType]] = {
    "removed": EventType.USER_REMOVED,
    "disabled": EventType.DISABLED,
    FINE: EventType.ENABLED,
}
ORDERED: Final = ("wiped", "retired", "deleted")
AFTERMATH: Final = ("retired", "deleted", "missing")
"""What follows from what was ordered, and is no news."""


def device_condition(facts: Mapping[str, Any]) -> str:
    """Of a device with these facts:

    `intune` maps the ids it is listed under to their state; `vanished` says that it was listed and is not any more;
    `enabled`, `removed` are its account's; `unmanaged` that Entra has ceased to call it managed.
    """
    states = {str(state) for state in facts.get("intune", {}).values()}
    if states and "" not in states:  # an id of a former enrolment says nothing as long as another one is well
        return next(state for state in ORDERED if state in states)
    if facts.get("removed"):
        return "deleted"
    if not states and facts.get("unmanaged"):
        return "retired"
    if not states and facts.get("vanished"):
        return "missing"
    return "disabled" if facts.get("enabled") is False else FINE


def user_condition(facts: Mapping[str, Any]) -> str:
    """Of a user with these facts."""
    if facts.get("removed"):
        return "removed"
    return "disabled" if facts.get("enabled") is False else FINE


def event_of(kind: str, condition: str) -> EventType:
    """The event that tells of a condition."""
    return (_DEVICE_EVENTS if kind == "device" else _USER_EVENTS)[condition]
