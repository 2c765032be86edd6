"""Requests that were sent to an outside CA and whose end is not known here: the value on record, and its port.

A row is written before the request leaves and goes when its certificate is on record, or certainly was not made. What
stays behind may be a certificate that nobody here has: an orphan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

IN_PROGRESS: Final = timedelta(minutes=5)
"""So long a submission may still be at work."""


@dataclass(frozen=True, slots=True)
class Submission:
    """One request on its way. `id` is unique; `owner` and `identity` are its order's.

    `serial` is of a certificate that came back and was not given out, and `problem` says why.
    """

    id: str
    issuer: str
    owner: str
    identity: str
    subject: str
    key_hash: str
    profile: str
    sent_at: datetime
    serial: str = ""
    problem: str = ""

    def is_orphan(self, now: datetime) -> bool:
        """Whether nobody is at work on it any more."""
        return bool(self.problem) or now - self.sent_at > IN_PROGRESS


class Submissions(Protocol):
    """Each method but `all` is one storage call, and all may raise StoreUnavailable."""

    def note(self, submission: Submission) -> None:
        """Insert, or replace what is there by its id."""

    def forget(self, submission: Submission) -> None:
        """Its end is known. Idempotent."""

    def find(self, issuer: str, identifier: str) -> Submission | None:
        """One point read."""

    def all(self) -> Iterator[Submission]:
        """By issuer. A scan, for administrators: there are as many as are being issued, and the orphans."""
