"""Messages that nobody could handle, on `<queue>-poison`: looked at, and driven back when their cause is mended.

The host puts the message there as it was; our own handlers wrap one that cannot be handled with the reason.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.store.ports import KeptQueue, Queue

_OURS = ("attempt", "firstTriedAt")
"""Fields that count the tries of a message: one that is driven back begins afresh."""


@dataclass(frozen=True, slots=True)
class PoisonMessage:
    """One message, why it is here (empty if the host put it there), and whether it can be driven back."""

    message: str = field(repr=False)
    reason: str
    content: Mapping[str, object] | None = field(repr=False)

    @classmethod
    def parse(cls, body: str) -> PoisonMessage:
        """From the body of a message on a poison queue."""
        outer = _json_object(body)
        if outer is not None and outer.keys() == {"reason", "message"}:
            text = str(outer["message"])
            return cls(text, str(outer["reason"]), _json_object(text))
        return cls(body, "", outer)


@dataclass(frozen=True, slots=True)
class Driven:
    """How many messages were driven back, and how many cannot be: what is left of them is no message any more."""

    moved: int
    stuck: int


@dataclass(frozen=True, slots=True)
class Poison:
    """A queue and its poison queue. Safe to be cut off anywhere: a message may then come twice, which is harmless."""

    queue: Queue
    poison: KeptQueue

    def length(self) -> int:
        """How many messages wait for somebody to look, roughly."""
        return self.poison.length()

    def look(self, most: int) -> list[PoisonMessage]:
        """Up to `most` (32) messages, which stay where they are."""
        return [PoisonMessage.parse(body) for body in self.poison.peek(most)]

    def drive_back(self, most: int) -> Driven:
        """Send up to `most` (32) messages to their queue again. What cannot be sent is out of sight for half a
        minute, so that a caller who goes on meets the others."""
        moved = stuck = 0
        for kept in self.poison.take(most):
            content = PoisonMessage.parse(kept.body).content
            if content is None:
                stuck += 1
                continue
            self.queue.send({key: value for key, value in content.items() if key not in _OURS})
            self.poison.remove(kept)
            moved += 1
        return Driven(moved, stuck)


def _json_object(text: str) -> dict[str, object] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
