"""Mixed requests for imported PFX, good and bad, for hosts that may die; and what must hold of each after."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.pfx.parcel_order import ParcelOrder
from shared.pfx.parcels import Parcels
from shared.store.parcels import Purpose
from shared.store.pfx_requests import PFXRequestEntry, RequestState
from tests.e2e.imported import SECRET, Device, Storage, passwords
from tests.pfx.mail import Holder, holder, signer
from tests.pfx.planted import forms_of_key, forms_of_password

DEVICES, USERS = 20, 12
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
class ImportedRequests:
    """Requests `r0`, `r1` and so on of the caller `mdm`."""

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


def planted(drill: ImportedRequests) -> Iterator[bytes]:
    """What must not be seen, in all its forms."""
    for user in drill.users:
        for password in user.passwords.values():
            yield from forms_of_password(password)
    for owner in (drill.users[0].reads, drill.users[0].signs, drill.users[0].lost):
        yield from forms_of_key(owner.key)
    yield SECRET.encode()
