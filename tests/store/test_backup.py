"""A backup of storage and its way back, over Azurite: every type of value, interruptions, damage, full places."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from azure.data.tables import EdmType, EntityProperty
from azure.storage.blob import ContentSettings

from local.azurite import Azurite
from shared.errors import IntegrityFailure, MalformedMessage, RequestError, StoreUnavailable
from shared.store.backup.folder import BackupFolder
from shared.store.backup.places import ContainerPlace, Place, QueuePlace, TablePlace
from shared.store.backup.restoring import matched, refuse_unless_empty, restore
from shared.store.backup.taking import take
from shared.store.backup.values import row_of
from shared.store.connection import StorageConnection
from shared.store.entity_table import EntityTable

pytestmark = pytest.mark.azurite
NOW = datetime(2026, 11, 21, 3, tzinfo=UTC)
AWKWARD: dict[str, Any] = {
    "empty": "",
    "text": "Ärger \"quoted\" 'single' \U0001f511 \u2028 line\nbreak & <xml>",
    "binary": bytes(range(256)),
    "nothing": b"",
    "small": -(2**31),
    "large": EntityProperty(2**63 - 1, EdmType.INT64),
    "one": EntityProperty(1, EdmType.INT64),
    "yes": True,
    "half": 0.1,
    "whole": 2.0,
    "infinite": float("inf"),
    "guid": UUID("c9da6455-213d-42c9-9a79-3e9149a57833"),
    "at": EntityProperty("2026-11-21T03:00:00.1234567Z", EdmType.DATETIME),
}
FEW = [("", ""), ("a'b", "c d"), ("ä", "=C3=A9")]
MANY = [("many", f"{n:04d}") for n in range(230)]
KEYS = FEW + MANY


def silent(_name: str, _done: int, _total: int | None) -> None:
    pass


class Storage:
    """A table, a container and a queue of one account, for one test."""

    def __init__(self, connection: StorageConnection, name: str) -> None:
        self.table = connection.table("things")
        self.container = connection.container(f"{name}-pki")
        self.queue = connection.queue(f"{name}-crl")
        self.raw = connection.raw_queue(f"{name}-crl")
        self.table.create_table()
        self.container.create_container()
        self.queue.create_queue()

    @property
    def places(self) -> list[Place]:
        table = TablePlace("things", EntityTable(self.table))
        crl, queue = ContainerPlace(self.container), QueuePlace(self.raw)
        crl.name, queue.name = "pki", "crl"  # this test's storage has names of its own
        return [crl, table, queue]

    def fill(self) -> None:
        for batch in (*([few] for few in FEW), MANY[:100], MANY[100:200], MANY[200:]):
            rows = [{"PartitionKey": partition, "RowKey": row, **AWKWARD} for partition, row in batch]
            self.table.submit_transaction([("create", row) for row in rows])
        settings = ContentSettings(content_type="application/pkix-crl", cache_control="max-age=60")
        for number in range(3):
            blob = f"crl/{number}.crl"
            metadata = {"cursor": f"{number}"}
            self.container.upload_blob(blob, os.urandom(3000), metadata=metadata, content_settings=settings)
        self.container.upload_blob("empty", b"")
        self.queue.send_message('{"version":1,"note":"<&>"}')
        self.raw.send_message("not base64 & <so>")

    def rows(self) -> list[dict[str, Any]]:
        """With the text of times as storage has it."""
        return [
            {name: getattr(value, "tables_service_value", value) for name, value in row.items()}
            for row in self.table.list_entities()
        ]

    def blobs(self) -> dict[str, tuple[bytes, object, object, object]]:
        found: dict[str, tuple[bytes, object, object, object]] = {}
        for blob in self.container.list_blobs(include=["metadata"]):
            content = self.container.download_blob(blob.name).readall()
            told = blob.content_settings
            found[blob.name] = (content, blob.metadata or {}, told.content_type, told.cache_control)
        return found

    def messages(self) -> list[str]:
        return [str(found.content) for found in self.raw.peek_messages(32)]


@pytest.fixture
def storages(azurite: Azurite, unique_name: str) -> Iterator[tuple[Storage, Storage]]:
    """One that is full and one that is empty."""
    connections = [
        StorageConnection.from_connection_string(
            azurite.connection_string, table_prefix=f"{unique_name}{letter}"
        )
        for letter in "ab"
    ]
    full, empty = (
        Storage(each, f"{unique_name}{letter}") for each, letter in zip(connections, "ab", strict=True)
    )
    full.fill()
    yield full, empty
    for each in connections:
        each.close()


def saved(storage: Storage, path: Path) -> BackupFolder:
    folder = BackupFolder(path)
    take(storage.places, folder, now=lambda: NOW, progress=silent)
    return folder


def test_everything_comes_back_as_it_was(storages: tuple[Storage, Storage], tmp_path: Path) -> None:
    full, empty = storages
    folder = saved(full, tmp_path / "backup")
    refuse_unless_empty(empty.places)
    done = restore(matched(empty.places, folder), folder, silent)
    assert empty.rows() == full.rows()
    assert empty.blobs() == full.blobs()
    assert len(empty.messages()) == 2
    assert sorted(empty.messages()) == sorted(full.messages())
    assert [(each.part.count, each.written, each.kept, each.there) for each in done] == [
        (4, 4, 0, 4),
        (len(KEYS), len(KEYS), 0, len(KEYS)),
        (2, 2, 0, 2),
    ]
    row = empty.table.get_entity("a'b", "c d")
    assert row["at"].tables_service_value == "2026-11-21T03:00:00.1234567Z"
    assert row["one"] == EntityProperty(1, EdmType.INT64)
    assert (type(row["whole"]), row["infinite"]) == (float, float("inf"))


def test_a_backup_is_for_its_owner_alone(storages: tuple[Storage, Storage], tmp_path: Path) -> None:
    folder = saved(storages[0], tmp_path / "backup")
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.path.iterdir()}
    assert (len(list(folder.path.iterdir())), modes) == (4, {0o600})


class Interrupted(Exception):
    pass


@pytest.mark.parametrize("place", ["things", "pki"])
@pytest.mark.parametrize("torn", [b"", b'{"PartitionKey":"ma'])
def test_an_interrupted_backup_goes_on(
    storages: tuple[Storage, Storage], tmp_path: Path, place: str, torn: bytes
) -> None:
    full, empty = storages
    folder = BackupFolder(tmp_path / "backup")

    def stop(name: str, done: int, _total: int | None) -> None:
        if name.endswith(place) and done == 2:
            raise Interrupted

    with pytest.raises(Interrupted):
        take(full.places, folder, now=lambda: NOW, progress=stop)
    with pytest.raises(RequestError, match="not finished"):
        folder.verify()
    (begun,) = folder.path.glob("*.part")
    begun.write_bytes(begun.read_bytes() + torn)
    seen: list[tuple[str, int]] = []
    take(full.places, folder, now=lambda: NOW, progress=lambda name, done, _: seen.append((name, done)))
    assert (seen[0][0].split()[1], seen[0][1]) == (place, 2)  # and not from the start
    restore(matched(empty.places, folder), folder, silent)
    assert (empty.rows(), empty.blobs()) == (full.rows(), full.blobs())


def test_a_finished_backup_is_not_written_over(storages: tuple[Storage, Storage], tmp_path: Path) -> None:
    saved(storages[0], tmp_path / "backup")
    with pytest.raises(RequestError, match="was finished at 2026-11-21"):
        saved(storages[0], tmp_path / "backup")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").touch()
    with pytest.raises(RequestError, match="something else"):
        saved(storages[0], tmp_path / "mine")


def test_damage_is_found_before_anything_is_written(
    storages: tuple[Storage, Storage], tmp_path: Path
) -> None:
    full, empty = storages
    folder = saved(full, tmp_path / "backup")
    path = folder.path / "table-things.jsonl"
    whole = path.read_bytes()
    for damaged in (whole[:-20], whole.replace(b"\xc3", b"\xc4", 1), whole.replace(b"many", b"nany", 1)):
        if damaged != whole:
            path.write_bytes(damaged)
            with pytest.raises(IntegrityFailure, match=r"table-things\.jsonl is damaged"):
                matched(empty.places, folder)
    path.unlink()
    with pytest.raises(IntegrityFailure, match="missing"):
        matched(empty.places, folder)
    assert empty.rows() == []


def test_a_restore_refuses_what_is_not_empty_and_merges_when_asked(
    storages: tuple[Storage, Storage], tmp_path: Path
) -> None:
    full, other = storages
    folder = saved(full, tmp_path / "backup")
    other.table.create_entity({"PartitionKey": "many", "RowKey": "0007", "mine": "stays"})
    other.container.upload_blob("crl/1.crl", b"newer")
    with pytest.raises(RequestError, match=r"container pki, table things\); with --merge"):
        refuse_unless_empty(other.places)
    first = restore(matched(other.places, folder), folder, silent)
    assert [(each.written, each.kept) for each in first] == [(3, 1), (len(KEYS) - 1, 1), (2, 0)]
    assert other.table.get_entity("many", "0007")["mine"] == "stays"
    assert other.blobs()["crl/1.crl"][0] == b"newer"
    again = restore(matched(other.places, folder), folder, silent)
    assert [(each.written, each.kept) for each in again] == [(0, 4), (0, len(KEYS)), (0, 2)]


def test_storage_that_is_another_is_named(storages: tuple[Storage, Storage], tmp_path: Path) -> None:
    full, _ = storages
    full.table.delete_table()
    with pytest.raises(StoreUnavailable, match="table things: storage says 404 TableNotFound"):
        saved(full, tmp_path / "backup")


def test_messages_that_cannot_be_seen_are_told(storages: tuple[Storage, Storage], tmp_path: Path) -> None:
    full, _ = storages
    for number in range(38):
        full.queue.send_message(f'{{"number":{number}}}')
    part = saved(full, tmp_path / "backup").manifest().part("queue", "crl")
    assert part is not None
    assert (part.count, part.left) == (32, 8)
    assert full.queue.get_queue_properties().approximate_message_count == 40  # and nothing was taken


def test_a_backup_of_a_later_version_is_refused(storages: tuple[Storage, Storage], tmp_path: Path) -> None:
    full, empty = storages
    folder = saved(full, tmp_path / "backup")
    with pytest.raises(RequestError, match=r"does not know: \[\('table', 'things'\)\]"):
        matched([place for place in empty.places if place.kind != "table"], folder)
    manifest = folder.path / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 2}))
    with pytest.raises(MalformedMessage, match="does not know"):
        folder.verify()
    parts = [{"kind": "table", "name": "../../other", "count": 0, "bytes": 0, "sha256": ""}]
    manifest.write_text(json.dumps({"format": 1, "started_at": "", "finished_at": "now", "parts": parts}))
    with pytest.raises(MalformedMessage, match="not a manifest"):
        folder.verify()
    manifest.write_text("[]")
    with pytest.raises(MalformedMessage, match="not a manifest"):
        folder.verify()


@pytest.mark.parametrize(
    "item",
    [
        {},
        {"PartitionKey": "a", "RowKey": "b", "values": []},
        {"PartitionKey": "a", "RowKey": "b", "values": {"x": ["Edm.Int64", "many"]}},
        {"PartitionKey": "a", "RowKey": "b", "values": {"x": ["Edm.Colour", "red"]}},
        {"PartitionKey": "a", "RowKey": "b", "values": {"x": ["Edm.Binary", "%"]}},
        {"PartitionKey": "a", "RowKey": "b", "values": {"x": None}},
    ],
)
def test_a_line_that_is_no_row_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessage):
        row_of(item)
