"""Submissions in memory, the reference implementation: rows and limits are those of storage."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Lock

from shared.store import submission_rows
from shared.store.addresses import Address
from shared.store.columns import Row
from shared.store.submissions import Submission


class MemorySubmissions:
    """Submissions."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._rows: dict[Address, Row] = {}

    def note(self, submission: Submission) -> None:
        row = submission_rows.submission_row(submission)
        with self._lock:
            self._rows[submission_rows.address_of(submission.issuer, submission.id)] = row

    def forget(self, submission: Submission) -> None:
        with self._lock:
            self._rows.pop(submission_rows.address_of(submission.issuer, submission.id), None)

    def find(self, issuer: str, identifier: str) -> Submission | None:
        row = self._rows.get(submission_rows.address_of(issuer, identifier))
        return None if row is None else submission_rows.submission_of(row)

    def all(self) -> Iterator[Submission]:
        with self._lock:
            rows = [self._rows[at] for at in sorted(self._rows)]
        yield from map(submission_rows.submission_of, rows)
