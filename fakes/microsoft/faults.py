"""What a call can be told to end in, instead of what the service would answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event


@dataclass(frozen=True)
class Status:
    """This status; nothing is done."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b'{"error":{"code":"Scripted","message":"as told"}}'


@dataclass(frozen=True)
class Code:
    """HTTP 200 with this result code; nothing is done."""

    code: str
    description: str = "as told"


@dataclass(frozen=True)
class Reset:
    """The connection is reset before anything is done."""


@dataclass(frozen=True)
class Lost:
    """It is done, and the connection is reset instead of the answer."""


@dataclass(frozen=True)
class Garbage:
    """It is not done, and the answer is 200 with something that is no JSON object."""

    body: bytes = b"<html>Sign in to continue</html>"


@dataclass(frozen=True)
class Slow:
    """It is done after some time."""

    seconds: float


@dataclass(frozen=True)
class Hold:
    """It is done once `gate` is opened, or ends in `then`; `arrived` is set before."""

    gate: Event
    arrived: Event = field(default_factory=Event)
    then: Code | None = None


@dataclass(frozen=True)
class Unrecorded:
    """An upload answers `value: false`, and records nothing."""


Fault = Status | Code | Reset | Lost | Garbage | Slow | Hold | Unrecorded
