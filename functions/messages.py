"""Queue messages to calls: typed, versioned, validated; errors end as the queue's rules say.

A message that cannot be read is kept on the poison queue with its reason at once. When a dependency is away the same
message is queued again with a growing delay, for a day. Whatever else is raised reaches the host's own poison rule.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Literal, TypeVar

import azure.functions as func
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import Conflict, DependencyError, RequestError
from shared.wiring import application

log = logging.getLogger("scepter.queue")

_FIRST_DELAY, _LONGEST_DELAY = 10, 600  # seconds
_GIVE_UP_AFTER = timedelta(hours=24)
_KEPT = 7000  # characters of a message that cannot be read: JSON makes six octets of one, and a queue takes 48 KiB


class Message(BaseModel):
    """What every message has. `attempt` and `firstTriedAt` are ours, set when a message is queued again."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    version: Literal[1]
    attempt: int = Field(default=0, ge=0)
    first_tried_at: AwareDatetime | None = Field(default=None, alias="firstTriedAt")


class CRLRequest(Message):
    """Something was revoked or lifted before `changedAt`: the CRL of `issuer` should say so."""

    issuer: str = Field(pattern="^[0-9a-f]{16}$")
    changed_at: AwareDatetime = Field(alias="changedAt")


M = TypeVar("M", bound=Message)


def handle(msg: func.QueueMessage, kind: type[M], queue: str, call: Callable[[M], object]) -> None:
    """Read `msg` from `queue` as a `kind` and pass it to `call`. Raises what must reach the host's poison rule."""
    try:
        message = kind.model_validate_json(msg.get_body())
    except ValidationError as error:
        problems = [f"{problem['loc']}: {problem['msg']}" for problem in error.errors(include_input=False)]
        _keep(msg, queue, "; ".join(problems))
        return
    try:
        call(message)
    except RequestError as error:
        _keep(msg, queue, error.reason)
    except (DependencyError, Conflict) as error:
        _again(message, queue, error)


def _keep(msg: func.QueueMessage, queue: str, reason: str) -> None:
    """No retry would help: keep the message where poison is looked for, with the reason beside it."""
    log.error("message %s on %s refused: %s", msg.id, queue, reason)
    body = msg.get_body().decode("utf-8", "replace")
    application().queue(f"{queue}-poison").send({"reason": reason[:1000], "message": body[:_KEPT]})


def _again(message: Message, queue: str, error: DependencyError | Conflict) -> None:
    app = application()
    first = message.first_tried_at or app.clock()
    if app.clock() - first > _GIVE_UP_AFTER:
        raise error
    delay = min(_FIRST_DELAY * 2 ** min(message.attempt, 10), _LONGEST_DELAY)
    log.warning("queue %s: %s; again in %d s", queue, error.reason, delay)
    retried = message.model_copy(update={"attempt": message.attempt + 1, "first_tried_at": first})
    app.queue(queue).send(json.loads(retried.model_dump_json(by_alias=True)), delay=delay)
