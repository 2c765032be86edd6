"""Submissions in Azure Tables."""

from __future__ import annotations

from collections.abc import Iterator

from azure.data.tables import TableClient

from shared.store import submission_rows
from shared.store.entity_table import EntityTable
from shared.store.submissions import Submission


class TableSubmissions:
    """Submissions."""

    def __init__(self, submissions: TableClient) -> None:
        self._submissions = EntityTable(submissions)

    def note(self, submission: Submission) -> None:
        self._submissions.upsert(submission_rows.submission_row(submission), "note")

    def forget(self, submission: Submission) -> None:
        self._submissions.delete(submission_rows.address_of(submission.issuer, submission.id), "forget")

    def find(self, issuer: str, identifier: str) -> Submission | None:
        row = self._submissions.get(submission_rows.address_of(issuer, identifier), "find")
        return None if row is None else submission_rows.submission_of(row)

    def all(self) -> Iterator[Submission]:
        rows = self._submissions.partitions(submission_rows.EVERYWHERE, "all")
        return map(submission_rows.submission_of, rows)
