"""One exchange while it runs: steps with their time, facts as they become known, and at the end a Trace."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Final

from shared.errors import PKIError, RequestError
from shared.scep.message import PKIStatus
from shared.scep.ports import Fact
from shared.store.traces import Step, Trace

_MOST_STEPS: Final = 40
_LONGEST: Final = 512
_LONGEST_CAUSE: Final = 1024
_ODD = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_OPERATIONS: Final = {"17": "RenewalReq", "19": "PKCSReq", "20": "CertPoll", "21": "GetCert", "22": "GetCRL"}


class TransactionTimeline:
    """shared.scep's Timeline, for one thread. `clock` gives seconds that only differences are taken of."""

    def __init__(
        self,
        at: datetime,
        *,
        profile: str,
        source: str,
        agent: str,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._at, self._clock, self._begun = at, clock, clock()
        self._circumstances = {"profile": profile, "source": source, "agent": agent}
        self._facts: dict[Fact, str] = {}
        self._ending: dict[str, str] = {}
        self._steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        begun, outcome = self._clock(), "ok"
        try:
            yield
        except Exception as error:
            outcome = type(error).__name__
            raise
        finally:
            if len(self._steps) < _MOST_STEPS:
                self._steps.append(Step(name, _milliseconds(begun, self._clock()), outcome))

    def preceded(self, steps: Iterable[Step]) -> None:
        """What the device asked before; it is not of the exchange's own time."""
        self._steps += steps

    def note(self, fact: Fact, value: str) -> None:
        self._facts[fact] = value

    def refused(self, error: RequestError, fail_info: str) -> None:
        self._facts["status"] = PKIStatus.FAILURE.name
        self._ending = {**_why(error), "fail_info": fail_info}

    def broken(self, error: Exception) -> None:
        """The exchange ends without a CertRep. Of an error that is not ours only the kind is noted."""
        self._facts["status"] = "ERROR"
        self._ending = _why(error)

    def finish(self) -> Trace | None:
        """The trace; None for a message that could not be read, which names no transaction."""
        facts = {str(name): plain(value) for name, value in self._facts.items()}
        facts |= {name: plain(value) for name, value in self._circumstances.items()}
        if not facts.get("transaction"):
            return None
        operation = facts.pop("operation", "")
        device, serial = facts.pop("device", "").lower(), facts.pop("serial", "").lower()
        return Trace(
            at=self._at,
            mark=secrets.token_hex(4),
            operation=_OPERATIONS.get(operation, operation),
            status=facts.pop("status", ""),
            milliseconds=_milliseconds(self._begun, self._clock()),
            steps=tuple(self._steps),
            device=device,
            serial=serial,
            **facts,
            **self._ending,
        )


def plain(text: str, longest: int = _LONGEST) -> str:
    """A stranger's text as storage and a terminal take it: control characters shown as ?, long ones cut."""
    shown = _ODD.sub("?", text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}\u2026"


def _why(error: Exception) -> dict[str, str]:
    cause = plain(error.reason, _LONGEST_CAUSE) if isinstance(error, PKIError) else ""
    return {"error": type(error).__name__, "cause": cause}


def _milliseconds(begun: float, ended: float) -> float:
    return round((ended - begun) * 1000, 3)
