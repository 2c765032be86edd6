"""Migration of what is stored: rows of an earlier version, interruptions, rows that change meanwhile, messages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from shared.errors import StoreUnavailable
from shared.store import rows
from shared.store.addresses import Address
from shared.store.backup.folder import BackupFolder
from shared.store.backup.places import TablePlace
from shared.store.backup.restoring import matched, restore
from shared.store.columns import keys
from shared.store.connection import TABLES, StorageConnection
from shared.store.entity_table import EntityTable
from shared.store.migrations import MESSAGES, ROWS, Ladder, Step
from shared.store.pending_table import TablePendingRequests
from shared.store.queues import StorageKeptQueue, StorageQueue
from shared.store.upgrading import Tally, upgrade_queue, upgrade_table
from tests.contracts import examples
from tests.contracts.backend import table_store

pytestmark = pytest.mark.azurite
FORMER = BackupFolder(Path(__file__).parents[1] / "vectors" / "store" / "one-issuer")


def silent(*_: object) -> None:
    pass


@pytest.fixture
def connection(azurite: Azurite, unique_name: str) -> Iterator[StorageConnection]:
    """With the rows of the fixture."""
    connection = StorageConnection.from_connection_string(azurite.connection_string, table_prefix=unique_name)
    places = [TablePlace(name, EntityTable(connection.table(name))) for name in TABLES]
    for name in TABLES:
        connection.table(name).create_table()
    restore(matched(places, FORMER), FORMER, silent)
    yield connection
    connection.close()


def upgraded(
    connection: StorageConnection, name: str, *, write: bool = True, steps: tuple[Step, ...] = tuple(ROWS)
) -> Tally:
    return upgrade_table(
        name, EntityTable(connection.table(name)), Ladder(steps), write=write, progress=silent
    )


def stored(connection: StorageConnection, name: str) -> list[Mapping[str, Any]]:
    return [dict(row) for row in connection.table(name).list_entities()]


def test_rows_of_a_former_version_are_migrated(connection: StorageConnection) -> None:
    before = stored(connection, "supersessions")
    assert upgraded(connection, "supersessions", write=False) == Tally("supersessions", 2, older=2)
    assert stored(connection, "supersessions") == before
    assert upgraded(connection, "supersessions") == Tally("supersessions", 2, older=2, migrated=2)
    added = {"successor_issuer": examples.ISSUER, "schema_version": 2}
    assert stored(connection, "supersessions") == [{**row, **added} for row in before]
    assert upgraded(connection, "supersessions") == Tally("supersessions", 2, current=2)


def test_what_was_written_then_is_read_now(connection: StorageConnection) -> None:
    for name in TABLES:
        tally = upgraded(connection, name)
        assert (tally.older, tally.newer, tally.strange) == (tally.migrated, 0, 0)
    store, numbers = table_store(connection), (1, 2, 3)
    serials = [examples.serial(number=number) for number in numbers]
    assert [found.serial for found in store.records(examples.ISSUER)] == serials
    claims = [store.find_claim(examples.claim().owner, f"challenge-{number}") for number in numbers]
    assert [claim and (claim.serial, claim.signature) for claim in claims] == [
        (each, b"") for each in serials
    ]
    due = [
        (each.due, each.serial, each.successor, each.successor_issuer) for each in store.due(date(2026, 4, 9))
    ]
    assert due == [(date(2026, 4, n), serials[n - 1], serials[n], examples.ISSUER) for n in (1, 2)]
    (waiting,) = TablePendingRequests(connection.table("requests")).all()
    assert (waiting.predecessor, waiting.sealed_request) == ("", b"")


def test_each_table_counts_as_its_rows_are_written(connection: StorageConnection) -> None:
    ladder = Ladder(ROWS)
    assert ladder.current("supersessions") == rows.SUPERSESSION
    assert {ladder.current(name) for name in set(TABLES) - {"supersessions"}} == {1}


def test_an_interrupted_run_goes_on(connection: StorageConnection) -> None:
    def stop(_name: str, seen: int) -> None:
        if seen == 1:
            raise KeyboardInterrupt

    table = EntityTable(connection.table("supersessions"))
    with pytest.raises(KeyboardInterrupt):
        upgrade_table("supersessions", table, Ladder(ROWS), write=True, progress=stop)
    assert [row["schema_version"] for row in stored(connection, "supersessions")] == [2, 1]
    assert upgraded(connection, "supersessions") == Tally("supersessions", 2, current=1, older=1, migrated=1)


def test_what_is_newer_or_not_ours_stays(connection: StorageConnection) -> None:
    table = connection.table("supersessions")
    for row in (
        {"RowKey": "newer", "schema_version": 3},
        {"RowKey": "no version"},
        {"RowKey": "no number", "schema_version": "1"},
        {"RowKey": "no issuer", "schema_version": 1, "due": "2026-04-01"},
    ):
        table.create_entity({"PartitionKey": "others", **row})
    before = stored(connection, "supersessions")
    tally = upgraded(connection, "supersessions")
    assert tally == Tally("supersessions", 2, older=2, migrated=2, newer=1, strange=3)
    others = [row for row in before if row["PartitionKey"] == "others"]
    assert [row for row in stored(connection, "supersessions") if row["PartitionKey"] == "others"] == others


def test_several_steps_are_taken_in_their_order(connection: StorageConnection) -> None:
    third = Step("supersessions", 2, lambda row: {"both": f"{row['issuer']}+{row['successor_issuer']}"})
    assert upgraded(connection, "supersessions", steps=(third, *ROWS)).migrated == 2
    found = stored(connection, "supersessions")[0]
    assert (found["schema_version"], found["both"]) == (3, f"{examples.ISSUER}+{examples.ISSUER}")
    for wrong in ((third,), (*ROWS, *ROWS)):
        with pytest.raises(ValueError, match="a step from version"):
            Ladder(wrong)


class Busy(EntityTable):
    """Somebody changes a row between our read and our write, `times` times."""

    times = 1

    def get(self, address: Address, act: str) -> Any:
        row = super().get(address, act)
        if row is not None and self.times:
            self.times -= 1
            changed = {**keys(address), "successor": f"changed-{self.times}"}
            self.merge(changed, str(row.metadata["etag"]), act)
        return row


def test_who_changes_a_row_meanwhile_wins(connection: StorageConnection) -> None:
    busy = Busy(connection.table("supersessions"))
    tally = upgrade_table("supersessions", busy, Ladder(ROWS), write=True, progress=silent)
    assert tally.migrated == 2
    first = stored(connection, "supersessions")[0]
    assert (first["successor"], first["schema_version"]) == ("changed-0", 2)


def test_a_row_that_never_rests_ends_the_run(connection: StorageConnection) -> None:
    busy = Busy(connection.table("supersessions"))
    busy.times = 99
    with pytest.raises(StoreUnavailable, match="faster"):
        upgrade_table("supersessions", busy, Ladder(ROWS), write=True, progress=silent)


def test_messages_that_are_kept_are_migrated(azurite: Azurite, unique_name: str) -> None:
    connection = StorageConnection.from_connection_string(azurite.connection_string)
    name = f"{unique_name}-poison"
    connection.create_missing(tables=(), containers=(), private=(), queues=(name,))
    kept, queue = StorageKeptQueue(connection.raw_queue(name)), StorageQueue(connection.queue(name))
    for number in range(40):
        queue.send({"version": 1, "number": number})
    for message in ({"version": 2, "number": 40, "colour": "red"}, {"version": 3}, {"number": 42}):
        queue.send(message)
    connection.raw_queue(name).send_message("not json")
    ladder = Ladder([Step(unique_name, 1, lambda _: {"colour": "none"})])
    looked = upgrade_queue(name, kept, queue, ladder, write=False, progress=silent)
    assert looked == Tally(unique_name, 2, older=32)  # as many as can be seen
    assert kept.length() == 44
    tally = upgrade_queue(name, kept, queue, ladder, write=True, progress=silent)
    assert (tally.older, tally.migrated, kept.length()) == (40, 40, 44)
    assert (tally.current, tally.newer, tally.strange) == (1, 1, 2)
    assert kept.peek(1)[0] == '{"version":2,"number":0,"colour":"none"}'
    assert upgrade_queue(name, kept, queue, Ladder(MESSAGES), write=False, progress=silent).newer == 32
    connection.close()
