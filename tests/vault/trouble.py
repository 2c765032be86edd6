"""What may go wrong between a client and a vault, to be told to the fake beforehand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Says:
    """The vault answers so instead of doing anything."""

    status: int
    code: str = "Error"
    inner: str = ""
    retry_after: str = ""


@dataclass(frozen=True)
class Slow:
    """The vault does it, but takes its time before it answers."""

    seconds: float


@dataclass(frozen=True)
class Reset:
    """The connection is reset; with `after`, only once the vault has done it."""

    after: bool = False


@dataclass(frozen=True)
class Replaces:
    """The vault does it, and members of its answer come out as these."""

    members: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Raw:
    """A body that is not JSON, with status 200."""

    body: bytes


Trouble = Says | Slow | Reset | Replaces | Raw
