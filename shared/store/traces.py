"""What is remembered of an exchange: the trace, and the port that keeps traces for a while.

Projections for people: nothing is decided by them, and a trace that is lost takes nothing else with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal, Protocol

TraceKey = Literal["id", "device", "serial"]


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an exchange. `outcome` is "ok" or the name of the error that ended it."""

    name: str
    milliseconds: float
    outcome: str = "ok"


@dataclass(frozen=True, slots=True)
class Trace:
    """One exchange of a SCEP transaction: who asked for what, each step, how it ended and why.

    `transaction` is the client's choice and never empty; a transaction may have several exchanges (polls, repeats),
    which `at` (to the millisecond) and `mark` (hexadecimal, random) tell apart. `device` is lower-case. `status` is
    the PKIStatus, or ERROR when no CertRep could be sent; `error` names the error's class and `cause` is its reason.
    What is not known is empty. Nothing here is secret: no challenge, no key, no request.
    """

    transaction: str
    at: datetime
    mark: str
    operation: str
    profile: str
    source: str
    agent: str
    status: str
    milliseconds: float
    steps: tuple[Step, ...] = ()
    fail_info: str = ""
    error: str = ""
    cause: str = ""
    serial: str = ""
    device: str = ""
    user: str = ""
    subject: str = ""


class TraceStore(Protocol):
    """Traces by day (UTC). Every method may raise StoreUnavailable."""

    def append(self, traces: Sequence[Trace]) -> None:
        """Keep them, in as few calls as storage allows. Idempotent: after an error all may be sent again."""

    def find(self, key: TraceKey, value: str, days: Iterable[date]) -> Iterator[Trace]:
        """Those of a transaction, device or serial on `days`, in the order of these and the newest of a day first;
        one call a day. By serial only where the device is not known: the others are found under their device."""

    def purge(self, before: date, most: int) -> int:
        """Delete what is older than the day `before`, at most `most` rows in one go; returns how many."""
