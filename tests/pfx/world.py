"""PKCS in memory: a CA, devices with certificates to seal to, callers, and orders as they come."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.ca.authority import CertificateAuthority, Order
from shared.devices.signature import sign
from shared.keys.ports import SigningKey, public_key_info
from shared.pfx.attempts import Attempts
from shared.pfx.callbacks import Callbacks
from shared.pfx.deliveries import Deliveries
from shared.pfx.delivery_keys import DeliveryKeys
from shared.pfx.issue import PKCSIssuance
from shared.pfx.opening import open_sealed
from shared.pfx.order import PKCSOrder
from shared.pfx.recipients import Recipients
from shared.pfx.results import Results
from shared.policy.callers import Caller
from shared.policy.profiles import Profiles
from shared.store.memory import MemoryQueue
from shared.store.memory_deliveries import MemoryDeliveryLog, MemoryDeliveryStore, MemoryOrderLog
from shared.store.orders import OrderEntry
from shared.store.ports import CertificateRecord
from shared.x509.certificate import Certificate, CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.scep.authority import DAY, NOW, World

SID = "S-1-5-21-3623811015-3361044348-30300820-1013"
POLICY = r"""
version = 1

[profiles.mail]
title = "Mail and Wi-Fi, key made here"
holder = "user"
challenge = "pkcs"
subject.CN = { pattern = '[^\x00-\x1f]{1,64}', required = true }
subject.E = {}
subject.O = {}
san.upn = {}
san.email = {}
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["emailProtection", "clientAuth"] }
validity = 365
[profiles.mail.pkcs]
subject = 'CN={{UserName}},E={{EmailAddress}},O="Example, Inc."'
san = ["upn:{{UserPrincipalName}}", "email:{{EmailAddress}}"]
sealing = ["cms", "rsa-oaep-256", "cms-pkcs1"]

[profiles.machine]
title = "Machines"
holder = "device"
challenge = "pkcs"
key = ["P-256"]
subject.CN = {}
san.dns = { pattern = '[a-z0-9.-]+' }
key_usage = { allowed = ["digitalSignature"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 90
sid_extension = true
reply = "chain"
[profiles.machine.pkcs]
subject = 'CN={{DeviceName}}'
san = ["dns:{{FullyQualifiedDomainName}}"]
encoding = "legacy"
recipient = "bare-key"

[profiles.scep]
title = "Enrolled over SCEP"
holder = "device"
challenge = "sealed"
key_usage = { allowed = ["digitalSignature"] }
validity = 30
subject.CN = {}

[[callers]]
name = "mdm"
profiles = ["mail", "machine", "scep"]
rate = "100000/minute"
[[callers]]
name = "narrow"
profiles = ["mail"]
subject = { CN = 'ann', E = '.*', O = '.*' }
"""
RESULTS = "results"
CALLBACK_SECRET = "callback-secret-of-the-tests"

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@lru_cache
def device_key(kind: str = "rsa", number: int = 0) -> Key:
    """A key of a device; the same for the same kind and number."""
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())


@lru_cache
def made_key(kind: str, number: int) -> SigningKey:
    """Keys that are handed out in turn instead of fresh ones, since making them is slow."""
    return device_key("rsa" if kind.startswith("RSA") else "ec", 100 + number)


@dataclass
class PKCSWorld:
    """Everything that an order meets, over memory; `scep.now` can be moved."""

    scep: World = field(default_factory=World)
    orders: MemoryOrderLog = field(default_factory=MemoryOrderLog)
    store: MemoryDeliveryStore = field(default_factory=MemoryDeliveryStore)
    acts: MemoryDeliveryLog = field(default_factory=MemoryDeliveryLog)
    queue: MemoryQueue = field(default_factory=MemoryQueue)
    callbacks: MemoryQueue = field(default_factory=MemoryQueue)
    made: int = 0

    def __post_init__(self) -> None:
        self.profiles = Profiles.parse(POLICY)
        self.keys = DeliveryKeys([Fernet.generate_key()])
        self.pkcs = self.worker()
        self.deliveries = self.pkcs.attempts.deliveries

    def clock(self) -> datetime:
        return self.scep.now

    def make_key(self, kind: str) -> SigningKey:
        self.made += 1
        return made_key(kind, self.made % 4)

    def worker(self, store: Any = None, deliveries: Any = None) -> PKCSIssuance:
        """A worker of its own, over the world's storage or what stands for it."""
        records = store or self.scep.store
        kept = Deliveries(
            store=deliveries or self.store,
            acts=self.acts,
            keys=self.keys,
            records=records,
            revoker=self.scep.revocations,
            life=timedelta(days=7),
            clock=self.clock,
        )
        attempts = Attempts(
            authority=CertificateAuthority(self.scep.issuer, records),
            records=records,
            deliveries=kept,
            backdate=DAY,
            clock=self.clock,
            make_key=self.make_key,
        )
        urls = Callbacks(["hooks.example.org"], {"mdm": CALLBACK_SECRET}, sign)
        return PKCSIssuance(
            attempts=attempts,
            recipients=Recipients(records, self.scep.issuer),
            profiles=self.profiles,
            orders=self.orders,
            results=Results([RESULTS], lambda _: self.queue, self.callbacks, urls),
            clock=self.clock,
        )

    def caller(self, name: str = "mdm") -> Caller:
        return next(caller for caller in self.profiles.callers if caller.name == name)

    def enrol(
        self,
        device: str = "dev1",
        kind: str = "rsa",
        number: int = 0,
        *,
        usages: tuple[str, ...] = ("digitalSignature", "keyEncipherment", "keyAgreement"),
        user: str = "",
        days: int = 90,
        by: str = "sealed:mdm",
    ) -> CertificateRecord:
        """A certificate of a device, as it would have come by SCEP."""
        spki = public_key_info(device_key(kind, number))
        extensions = (basic_constraints(False), key_usage(usages), subject_key_identifier(spki))
        subject, now = Name.build([("CN", device)]), self.clock()
        template = CertificateTemplate(subject, spki, now - DAY, now + days * DAY, extensions)
        identity = f"enrolment-{device}-{kind}-{number}-{user}-{by}"
        order = Order(identity, "device", by, device=device, user=user)
        return self.scep.authority.issue(template, order, now=now).record

    def serve(self, order: dict[str, Any] | None = None, caller: str = "mdm", **changes: Any) -> OrderEntry:
        """What becomes of an order for user ann on device dev1."""
        return self.pkcs.serve(parse(order or mail(**changes)), self.caller(caller))

    def open(self, entry: OrderEntry, kind: str = "rsa", number: int = 0) -> Opened:
        """The delivery of an order as its device sees it."""
        content = self.deliveries.fetch(entry.delivery, self.keys.seal(entry.delivery), source="198.51.100.7")
        return Opened.of(json.loads(content), device_key(kind, number))

    def records(self, profile: str = "mail") -> list[CertificateRecord]:
        found = self.scep.store.records(self.scep.issuer.id)
        return [record for record in found if record.profile == profile]

    def claims(self, owner: str = "device:dev1") -> list[Any]:
        found = self.scep.store.owned_by(owner)
        return [claim for claim in found if claim.vouched_by.startswith("pkcs:")]


@dataclass(frozen=True)
class Opened:
    """A delivery, opened: `passwords` has one for each form, which must be the same."""

    document: dict[str, Any]
    pfx: bytes
    passwords: tuple[str, ...]
    certificate: Certificate

    @classmethod
    def of(cls, document: dict[str, Any], key: Key) -> Opened:
        opened = [
            open_sealed(sealed["form"], b64decode(sealed["data"]), key).decode()
            for sealed in document["password"]
        ]
        certificate = Certificate.from_der(b64decode(document["certificate"]))
        return cls(document, b64decode(document["pfx"]), tuple(opened), certificate)

    @property
    def password(self) -> str:
        (only,) = set(self.passwords)
        return only


def mail(**changes: Any) -> dict[str, Any]:
    """An order for mail, with what a test wants different; None leaves a field out."""
    usual: dict[str, Any] = {
        "id": "order-1",
        "profile": "mail",
        "user": {
            "userPrincipalName": "ann@example.org",
            "userName": "ann",
            "emailAddress": "ann@example.org",
        },
        "device": {"id": "dev1"},
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def machine(**changes: Any) -> dict[str, Any]:
    """An order for a machine."""
    device = {
        "intuneDeviceId": "6c8f0d8e-2b1f-4a57-9d52-1f0a3f6e1c11",
        "deviceName": "laptop-1",
        "fullyQualifiedDomainName": "laptop-1.example.org",
        "onPremisesSecurityIdentifier": SID,
    }
    usual: dict[str, Any] = {"id": "order-2", "profile": "machine", "device": device}
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def parse(order: dict[str, Any]) -> PKCSOrder:
    return PKCSOrder.parse(json.dumps(order).encode())


def later(world: PKCSWorld, **span: float) -> None:
    """Move the clock."""
    world.scep.now += timedelta(**span)


Change = Callable[[PKCSWorld], object]
__all__ = ["NOW", "Opened", "PKCSWorld", "device_key", "machine", "mail", "parse"]
