"""500 mixed deliveries of imported PFX, each message twice, and the host killed three times: each once in effect."""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from shared.pfx.parcel_order import ParcelOrder
from shared.pfx.parcels import Parcels
from shared.store.parcels import Purpose
from shared.store.pfx_requests import PFXRequestEntry, RequestState
from tests.e2e.host import Host
from tests.e2e.imported import SECRET, Device, Storage, ask, passwords, prepared, stored
from tests.e2e.site import Site
from tests.pfx.mail import Holder, holder, signer
from tests.pfx.planted import forms_of_key, forms_of_password, found_in

pytestmark = [pytest.mark.host, pytest.mark.long]

COUNT, DEVICES, USERS, BY_HTTP = 500, 20, 12, 60
LEASE = {"LOCAL_QUEUE_LEASE_SECONDS": "5"}
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
KINDS = (
    "stored",
    "stored",
    "stored",
    "signing",
    "brought",
    "brought",
    "broken parcel",
    "nobody",
    "foreign key",
)


@dataclass(frozen=True)
class User:
    """Parcels with their passwords, by thumbprint; one of them lost its file."""

    name: str
    reads: Holder
    signs: Holder
    lost: Holder
    passwords: dict[str, str] = field(repr=False)


@dataclass(frozen=True)
class Drill:
    storage: Storage
    devices: list[Device]
    users: list[User]

    def order(self, number: int) -> dict[str, Any]:
        """Request `number`, of the kind that is its turn."""
        kind, user = KINDS[number % len(KINDS)], self.users[number % USERS]
        order: dict[str, Any] = {
            "version": 1,
            "id": f"r{number}",
            "user": user.name,
            "device": self.devices[number % DEVICES].name,
        }
        if kind == "signing":
            return order | {"purposes": ["smimeSigning"]}
        if kind == "nobody":
            return order | {"user": "nobody@example.org"}
        if kind in ("brought", "foreign key"):
            return order | {"parcel": self._parcel(user, foreign=kind == "foreign key")}
        return order if kind == "broken parcel" else order | {"purposes": ["smimeSigning", "smimeEncryption"]}

    def _parcel(self, user: User, *, foreign: bool) -> dict[str, Any]:
        key = self.storage.import_keys.versions()[0]
        sealed = key.seal(user.passwords[user.reads.thumbprint].encode())
        return {
            "encryptedPfxPassword": b64encode(bytes(384) if foreign else sealed.ciphertext).decode(),
            "keyName": key.name,
            "paddingScheme": "oaepSha256",
            "pfxBlob": f"brought/mdm/{user.reads.thumbprint}.pfx",
            "thumbprint": user.reads.thumbprint,
        }

    def expected(self, number: int) -> set[str] | None:
        """The thumbprints that reach the device; None if nothing does."""
        kind, user = KINDS[number % len(KINDS)], self.users[number % USERS]
        if kind in ("nobody", "foreign key"):
            return None
        if kind == "signing":
            return {user.signs.thumbprint}
        return {user.reads.thumbprint} | (set() if kind == "brought" else {user.signs.thumbprint})

    def check(self, number: int, entry: PFXRequestEntry) -> None:
        """What is on record, what stands, and what the device reads are one."""
        user, device = self.users[number % USERS], self.devices[number % DEVICES]
        expected, delivery = self.expected(number), self.storage.delivery(f"r{number}")
        if expected is None:
            assert (entry.state, delivery) == (RequestState.FAILED, None)
            assert entry.failure
            return
        assert entry.state is RequestState.DELIVERED, entry
        assert delivery is not None
        assert entry.parts == delivery.parts
        read = passwords(delivery, device)
        assert read == {each: user.passwords[each] for each in expected}
        failed = {part.thumbprint for part in entry.parts if part.failure}
        assert failed == ({user.lost.thumbprint} if KINDS[number % len(KINDS)] in _WITH_LOST else set())


_WITH_LOST = {"stored", "broken parcel"}


def make_users(storage: Storage) -> list[User]:
    """Their parcels go in without a host, whose import key is in the site's folder."""
    parcels = Parcels(storage.parcels, storage.blobs, storage.import_keys, lambda: NOW, 256 * 1024)
    users = []
    for number in range(USERS):
        name = f"user{number}@example.org"
        holders = [
            (holder("drill reads", mail=(name,), begins=NOW - DAY), Purpose.ENCRYPTION),
            (signer("drill signs", mail=(name,), begins=NOW - DAY), Purpose.SIGNING),
            (holder("drill lost", mail=(name,), begins=NOW - 900 * DAY), Purpose.ENCRYPTION),
        ]
        known = {owner.thumbprint: f"planted {secrets.token_hex(8)}" for owner, _ in holders}
        for owner, purpose in holders:
            certificate, password = owner.certificate, known[owner.thumbprint]
            order = ParcelOrder(
                user=name,
                thumbprint=owner.thumbprint,
                purpose=purpose,
                not_before=certificate.not_valid_before_utc,
                not_after=certificate.not_valid_after_utc,
                subject="",
                password=storage.import_keys.versions()[0].seal(password.encode()),
                pfx=owner.pfx(password),
            )
            kept, _ = parcels.take(order, by="the drill")
            if owner is holders[0][0]:
                storage.blobs.put(f"brought/mdm/{owner.thumbprint}.pfx", order.pfx)
            if owner is holders[2][0]:
                storage.blobs.remove(kept.blob)
        users.append(User(name, holders[0][0], holders[1][0], holders[2][0], known))
    return users


def ended(storage: Storage) -> dict[str, PFXRequestEntry]:
    return {
        entry.id: entry for entry in storage.requests.entries("mdm") if entry.state is not RequestState.BEGUN
    }


def until(storage: Storage, count: int, seconds: float) -> int:
    """How many have ended when at least `count` have."""
    deadline = time.monotonic() + seconds
    while (found := len(ended(storage))) < count:
        assert time.monotonic() < deadline, f"{found} of {count}\n{storage.site.output.read_text()[-3000:]}"
        time.sleep(1)  # each look reads them all
    return found


def kill(host: Host) -> None:
    os.kill(host.process.pid, signal.SIGKILL)
    host.wait_until_killed()


def run(site: Site, drill: Drill, capsys: pytest.CaptureFixture[str]) -> None:
    storage, killed_at, stood = drill.storage, list[int](), dict[str, bytes | None]()
    orders = [drill.order(number) for number in range(COUNT)]
    start = time.monotonic()
    for share in (0.2, 0.45, 0.7, None):
        with site.running(environment=LEASE) as host:
            if not killed_at:
                send(host, orders, storage)
            if share is None:
                until(storage, COUNT, 300)
                seconds = time.monotonic() - start
                settle(storage)
                break
            until(storage, int(share * COUNT), 300)
            kill(host)
        killed_at.append(len(ended(storage)))
        stood |= {f"r{number}": content(storage, number) for number in range(0, COUNT, 9)}
    entries = ended(storage)
    assert len(entries) == COUNT
    for number in range(COUNT):
        drill.check(number, entries[f"r{number}"])
    for number in range(0, COUNT, 9):
        before = stood[f"r{number}"]
        assert before in (None, content(storage, number)), "a delivery that stands is not changed"
    good = sum(drill.expected(number) is not None for number in range(COUNT))
    assert len(list(storage.deliveries.all())) == good
    states = Counter(entry.state.value for entry in entries.values())
    with capsys.disabled():
        sys.stdout.write(
            f"\n{COUNT} requests, each message twice: {dict(states)}; killed at {killed_at}; "
            f"{seconds:.1f} s with three restarts\n"
        )


def send(host: Host, orders: list[dict[str, Any]], storage: Storage) -> None:
    """Some over HTTP, the others straight to the queue; and all of them a second time."""
    messages = [order | {"caller": "mdm"} for order in orders]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda order: ask(host, **order).status_code, orders[:BY_HTTP]))
        list(pool.map(storage.queue.send, [*messages[BY_HTTP:], *messages]))
    assert set(answers) <= {200, 202}


def content(storage: Storage, number: int) -> bytes | None:
    found = storage.delivery(f"r{number}")
    return None if found is None else found.build()


def settle(storage: Storage) -> None:
    """Until no message is left, not even a hidden one: twins come late."""
    client, deadline = storage.connection.queue("pfx-requests"), time.monotonic() + 300
    while left := client.get_queue_properties().approximate_message_count:
        assert time.monotonic() < deadline, f"{left} messages are left"
        time.sleep(0.5)


def test_500_deliveries_and_a_host_that_dies_three_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Azurite.start(in_memory=True) as azurite:
        site = prepared(tmp_path, azurite.connection_string)
        with stored(site) as storage:
            storage.import_keys.ensure()
            drill = Drill(storage, storage.enrol(DEVICES), make_users(storage))
            run(site, drill, capsys)
            assert found_in(storage.everything(), list(planted(drill))) == []


def planted(drill: Drill) -> Iterator[bytes]:
    """What must not be seen, in all its forms."""
    for user in drill.users:
        for password in user.passwords.values():
            yield from forms_of_password(password)
    for owner in (drill.users[0].reads, drill.users[0].signs, drill.users[0].lost):
        yield from forms_of_key(owner.key)
    yield SECRET.encode()
