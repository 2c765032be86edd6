"""DirectoryStore, SubscriptionStore and Notes: one promise each, over memory and over Azurite."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict, MalformedMessage
from shared.store.connection import StorageConnection
from shared.store.directory import (
    DirectoryStore,
    Known,
    Note,
    Notes,
    Subscription,
    SubscriptionStore,
)
from shared.store.directory_tables import TableDirectoryStore, TableNotes, TableSubscriptionStore
from shared.store.memory_directory import MemoryDirectoryStore, MemoryNotes, MemorySubscriptionStore
from tests.contracts.examples import AWKWARD_IDS, NOW

HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Stores:
    directory: DirectoryStore
    subscriptions: SubscriptionStore
    notes: Notes


@pytest.fixture(params=["memory", pytest.param("azurite", marks=pytest.mark.azurite)])
def stores(request: pytest.FixtureRequest) -> Stores:
    if request.param == "memory":
        return Stores(MemoryDirectoryStore(), MemorySubscriptionStore(), MemoryNotes())
    connection: StorageConnection = request.getfixturevalue("connection")
    return Stores(
        TableDirectoryStore(connection.table("directory")),
        TableSubscriptionStore(connection.table("subscriptions")),
        TableNotes(connection.table("notes")),
    )


def known(key: str = "d-1", **changes: Any) -> Known:
    usual = Known(
        integration="default",
        kind="device",
        key=key,
        names={"entraDeviceId": key, "serialNumber": "Ü/1"},
        facts={"enabled": True, "state": None, "listed": 3},
        condition="fine",
        since=NOW,
    )
    return replace(usual, **changes)


def subscription(**changes: Any) -> Subscription:
    return replace(
        Subscription("s-1", "default", "t", "users", "https://x", "ab" * 32, NOW + HOUR), **changes
    )


def test_what_was_put_is_found_as_it_is(stores: Stores) -> None:
    assert stores.directory.find("default", "device", "d-1") is None
    stores.directory.put_all([known(), known(kind="user"), known(integration="branch-office")])
    assert stores.directory.find("default", "device", "d-1") == known()
    assert list(stores.directory.all("default", "device")) == [known()]
    assert list(stores.directory.all("branch-office", "user")) == []


@pytest.mark.parametrize("key", AWKWARD_IDS)
def test_awkward_keys_come_back_as_they_are(stores: Stores, key: str) -> None:
    stores.directory.put_all([known(key, names={"id": key})])
    assert stores.directory.find("default", "device", key) == known(key, names={"id": key})


def test_many_are_put_and_forgotten_at_once_and_the_last_word_counts(stores: Stores) -> None:
    many = [known(f"d-{number:03}") for number in range(230)]
    stores.directory.put_all([*many, known("d-007", condition="disabled")])
    stores.directory.put_all([])
    found = list(stores.directory.all("default", "device"))
    assert [each.key for each in found] == [each.key for each in many]
    assert [each.condition for each in found].count("disabled") == 1
    stores.directory.forget_all(many[:200])
    stores.directory.forget_all(many[:200])
    assert len(list(stores.directory.all("default", "device"))) == 30


def test_only_the_version_that_was_read_is_advanced(stores: Stores) -> None:
    first = stores.directory.advance(known(), None)
    with pytest.raises(Conflict):
        stores.directory.advance(known(condition="disabled"), None)
    read = stores.directory.find("default", "device", "d-1")
    assert read == first
    second = stores.directory.advance(replace(first, condition="disabled", told=False), read)
    with pytest.raises(Conflict):
        stores.directory.advance(replace(first, condition="deleted"), read)
    assert stores.directory.find("default", "device", "d-1") == second
    third = stores.directory.advance(replace(second, facts={}), second)
    assert stores.directory.find("default", "device", "d-1") == third


def test_subscriptions_are_kept_by_id(stores: Stores) -> None:
    assert stores.subscriptions.find("s-1") is None
    for each in (subscription(), subscription(id="s-2"), subscription(expires_at=NOW)):
        stores.subscriptions.put(each)
    assert list(stores.subscriptions.all()) == [subscription(expires_at=NOW), subscription(id="s-2")]
    assert stores.subscriptions.find("s-2") == subscription(id="s-2")
    for _ in range(2):
        stores.subscriptions.remove(subscription())
    assert [each.id for each in stores.subscriptions.all()] == ["s-2"]


def test_the_last_note_stands_however_long_it_is(stores: Stores) -> None:
    assert stores.notes.read("a timer") is None
    for length in (100_000, 3, 0):
        note = Note("a timer", NOW, {"link": "é" * length, "counts": [1, {"x": None}]})
        stores.notes.write(note)
        assert stores.notes.read("a timer") == note
    with pytest.raises(MalformedMessage):
        stores.notes.write(Note("a timer", NOW, {"link": "x" * 700_000}))
