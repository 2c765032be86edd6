"""Rows: flat, of allowed types, readable by the version that wrote them and the next."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import IssuanceFault, StoreUnavailable
from shared.store import columns, rows
from shared.store.columns import Row
from tests.contracts import examples

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=50)
TIMES = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001
    lambda moment: moment.replace(microsecond=0)
)
REVOCATIONS = st.builds(examples.revocation, reason=TEXT.filter(bool), at=TIMES, by=TEXT, note=TEXT)
ROWS: list[tuple[Row, Callable[[Row], object]]] = [
    (rows.claim_row("device:a", examples.claim()), rows.claim_of),
    (rows.record_row(examples.record()), lambda row: rows.record_of(row, "")),
    (rows.change_row(examples.change()), rows.change_of),
    (rows.supersession_row(examples.supersession()), rows.supersession_of),
]


@given(TEXT, st.binary(), TIMES, st.none() | TIMES)
def test_claims_come_back(text: str, tbs: bytes, claimed: datetime, minted: datetime | None) -> None:
    claim = examples.claim(
        owner=text, identity=text, tbs=tbs, claimed_at=claimed, vouched_by=text, challenge_minted_at=minted
    )
    assert rows.claim_of(rows.claim_row(text, claim)) == claim


@given(TEXT, st.none() | st.binary(), TIMES, st.lists(TEXT).map(tuple), st.none() | REVOCATIONS)
def test_records_come_back(
    text: str, certificate: bytes | None, moment: datetime, sans: tuple[str, ...], revocation: Any
) -> None:
    record = examples.record(
        certificate=certificate,
        subject=text,
        sans=sans,
        issued_at=moment,
        not_before=moment,
        not_after=moment,
        revocation=revocation,
    )
    found = rows.record_of(rows.record_row(record), "W/1")
    assert found == record
    assert found.etag == "W/1"


@pytest.mark.parametrize(("row", "_read"), ROWS)
def test_rows_are_flat_and_have_their_version(row: Row, _read: object) -> None:
    assert row["schema_version"] == (rows.SUPERSESSION if "due" in row else columns.SCHEMA_VERSION)
    assert {type(value) for value in row.values()} <= {str, bytes, int}


@pytest.mark.parametrize(("row", "read"), ROWS)
def test_columns_of_other_versions_are_passed_over(row: Row, read: Callable[[Row], object]) -> None:
    assert read({**row, "a_new_column": "x"}) == read(row)


@pytest.mark.parametrize(("row", "read"), ROWS)
def test_a_newer_row_waits_for_a_newer_worker(row: Row, read: Callable[[Row], object]) -> None:
    with pytest.raises(StoreUnavailable):
        read({**row, "schema_version": int(row["schema_version"]) + 1})


@pytest.mark.parametrize(("row", "read"), ROWS)
@pytest.mark.parametrize("version", [None, 0, "1", -1])
def test_a_row_of_no_version_of_ours_is_a_fault(
    row: Row, read: Callable[[Row], object], version: Any
) -> None:
    with pytest.raises(IssuanceFault):
        read({**row, "schema_version": version})


@pytest.mark.parametrize(("row", "read"), ROWS)
def test_a_row_without_a_column_is_a_fault(row: Row, read: Callable[[Row], object]) -> None:
    row = {name: value for name, value in row.items() if name != "issuer"}
    with pytest.raises(IssuanceFault, match="issuer"):
        read(row)


def test_a_fault_does_not_quote_the_row() -> None:
    row = rows.claim_row("device:a", examples.claim())
    with pytest.raises(IssuanceFault) as fault:
        rows.claim_of({**row, "claimed_at": "in the morning"})
    assert "morning" not in str(fault.value)


def test_a_merge_carries_nothing_but_the_revocation() -> None:
    record = rows.record_of(rows.record_row(examples.record()), "W/1")
    assert set(rows.revocation_row(record, None)) == {
        "PartitionKey",
        "RowKey",
        "reason",
        "revoked_at",
        "revoked_by",
        "revocation_note",
    }


def test_a_supersession_of_the_first_version_knew_one_issuer() -> None:
    row = dict(rows.supersession_row(examples.supersession(successor_issuer="bb")))
    del row["successor_issuer"]
    assert rows.supersession_of({**row, "schema_version": 1}) == examples.supersession()
    with pytest.raises(IssuanceFault):
        rows.supersession_of(row)
