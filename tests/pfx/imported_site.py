"""Imported PFX over stores in memory: devices with certificates of ours, users with parcels, and who asks for them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from shared.asn1 import oids, writer
from shared.ca.authority import Order
from shared.cms.enveloped import EnvelopedMessage
from shared.devices.signature import sign
from shared.errors import KeyUnavailable
from shared.keys.ports import DecryptionKey, public_key_info
from shared.keys.signatures import signature_algorithm
from shared.pfx.callbacks import Callbacks
from shared.pfx.import_keys import ImportKey
from shared.pfx.imported import ImportedPFX
from shared.pfx.imported_delivery import ImportedDelivery, Item
from shared.pfx.imported_recipients import ImportedRecipients
from shared.pfx.imported_request import BroughtParcel, PFXRequest
from shared.pfx.kept_deliveries import KeptDeliveries
from shared.pfx.order import ResultTarget
from shared.pfx.packing import Packer
from shared.pfx.parcel_order import ParcelOrder
from shared.pfx.parcels import Parcels
from shared.pfx.password_sealing import CMSSealer
from shared.pfx.results import Results
from shared.policy.callers import Caller
from shared.policy.patterns import Pattern
from shared.store.memory import MemoryQueue
from shared.store.memory_deliveries import MemoryDeliveryStore
from shared.store.memory_parcels import MemoryParcelStore, MemoryPFXRequestLog, MemoryPrivateBlobs
from shared.store.parcels import Parcel, Purpose, SealedPassword
from shared.store.ports import CertificateRecord
from shared.x509.certificate import Certificate, CertificateTemplate, assemble, compose_tbs
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.pfx.mail import PASSWORD, USER, Holder, holder
from tests.scep.authority import DAY, NOW, World

LARGEST = 256 * 1024
CALLERS = {
    "mdm": Caller(name="mdm", pfx=("stored", "brought")),
    "connector": Caller(name="connector", pfx=("brought", "recipient")),
    "anyone": Caller(name="anyone", pfx=("stored", "brought", "recipient")),
    "narrow": Caller(name="narrow", pfx=("stored",), pfx_users=Pattern(r"[a-z]+@example\.org")),
    "mint": Caller(name="mint", profiles=("device",)),
}


def device_key(name: str = "dev1") -> rsa.RSAPrivateKey:
    """The same for the same name."""
    return _device_key(name)


@lru_cache
def _device_key(_: str) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache
def import_key(number: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


class VaultOfTests:
    """ImportKeys `import` with versions v1, v2, ... `away` has versions that do not answer, `calls` counts openings."""

    def __init__(self, count: int = 1) -> None:
        self.count, self.away, self.gone, self.calls = count, set[str](), set[str](), 0

    def versions(self) -> Sequence[ImportKey]:
        numbers = range(self.count, 0, -1)
        return [ImportKey("import", f"v{number}", import_key(number).public_key()) for number in numbers]

    def decryption_key(self, name: str, version: str) -> DecryptionKey | None:
        self.calls += 1
        known = {f"v{number}": import_key(number) for number in range(1, self.count + 1)}
        if version in self.away:
            raise KeyUnavailable(f"version {version} is away")
        return known.get(version) if name == "import" and version not in self.gone else None


@dataclass
class ImportSite:
    """`now` can be moved."""

    now: datetime = NOW
    keys: VaultOfTests = field(default_factory=VaultOfTests)
    world: World = field(default_factory=World)
    store: MemoryParcelStore = field(default_factory=MemoryParcelStore)
    requests: MemoryPFXRequestLog = field(default_factory=MemoryPFXRequestLog)
    largest: int = LARGEST

    def __post_init__(self) -> None:
        self.blobs = MemoryPrivateBlobs(lambda: self.now)
        self.kept = MemoryDeliveryStore()
        self.deliveries = KeptDeliveries(self.kept, 7 * DAY, lambda: self.now)
        self.queue, self.callbacks, self.sealer = MemoryQueue(), MemoryQueue(), CMSSealer()
        urls = Callbacks([], {}, sign)
        self.results = Results(["results"], lambda _: self.queue, self.callbacks, urls)
        self.parcels = Parcels(self.store, self.blobs, self.keys, lambda: self.now, self.largest)
        self.service = self.worker()

    def worker(self, **parts: Any) -> ImportedPFX:
        """A worker of its own over the same storage, with other parts where a test wants them."""
        packer = Packer(
            parcels=parts.pop("parcels", self.store),
            blobs=parts.pop("blobs", self.blobs),
            keys=self.keys,
            sealer=parts.pop("sealer", self.sealer),
            clock=lambda: self.now,
            largest=self.largest,
        )
        usual: dict[str, Any] = {
            "callers": CALLERS,
            "parcels": self.store,
            "requests": self.requests,
            "recipients": ImportedRecipients(self.world.store, self.sealer, self.world.issuer),
            "packer": packer,
            "deliveries": self.deliveries,
            "results": self.results,
            "clock": lambda: self.now,
        }
        return ImportedPFX(**{**usual, **parts})

    def enrol(
        self,
        device: str = "dev1",
        *,
        key: Any = None,
        usages: Sequence[str] = ("digitalSignature", "keyEncipherment"),
        life: int = 364,
        identity: str = "",
        user: str = "",
        by: str = "sealed:tests",
    ) -> CertificateRecord:
        """A certificate of ours for a device; its key is `device_key(device)`."""
        spki = public_key_info(key or device_key(device))
        extensions = (basic_constraints(False), key_usage(usages), subject_key_identifier(spki))
        asked = CertificateTemplate(
            Name.build([("CN", device)]), spki, self.now - DAY, self.now + life * DAY, extensions
        )
        identity = identity or f"{device}-{self.now.isoformat()}-{hashlib.sha256(spki).hexdigest()[:8]}"
        order = Order(identity, "device", by, device=device, user=user)
        return self.world.authority.issue(asked, order, now=self.now).record

    def seal(self, password: str = PASSWORD, number: int | None = None) -> SealedPassword:
        """To the import key, by the number of its version."""
        keys = {key.version: key for key in self.keys.versions()}
        return keys[f"v{number or self.keys.count}"].seal(password.encode())

    def keep(
        self,
        owner: Holder | None = None,
        *,
        user: str = USER,
        purpose: Purpose = Purpose.ENCRYPTION,
        password: str = PASSWORD,
        number: int | None = None,
    ) -> Parcel:
        """Import a PFX."""
        order = self.order(owner or holder(), user=user, purpose=purpose, password=password, number=number)
        return self.parcels.take(order, by="tests")[0]

    def order(
        self,
        owner: Holder,
        *,
        user: str = USER,
        purpose: Purpose = Purpose.ENCRYPTION,
        password: str = PASSWORD,
        number: int | None = None,
    ) -> ParcelOrder:
        certificate = owner.certificate
        return ParcelOrder(
            user=user,
            thumbprint=owner.thumbprint,
            purpose=purpose,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            subject=certificate.subject.rfc4514_string(),
            password=self.seal(password, number),
            pfx=owner.pfx(password),
        )

    def delivered(self, request: PFXRequest) -> ImportedDelivery:
        """What stands for a request."""
        content = self.deliveries.find(request.delivery)
        assert content is not None
        return ImportedDelivery.parse(content)


def request(
    identifier: str = "request-1",
    *,
    caller: str = "mdm",
    user: str = USER,
    device: str = "dev1",
    purposes: Sequence[Purpose] = tuple(Purpose),
    parcel: BroughtParcel | None = None,
    certificate: bytes = b"",
    key: bytes = b"",
    result: ResultTarget | None = None,
) -> PFXRequest:
    digest = hashlib.sha256(repr((user, device, purposes, parcel, certificate, key)).encode()).hexdigest()
    return PFXRequest(
        caller, identifier, user, device, frozenset(purposes), parcel, certificate, key, digest, result
    )


def brought(
    site: ImportSite, owner: Holder, password: str = PASSWORD, *, caller: str = "mdm", **changes: Any
) -> BroughtParcel:
    """A parcel of the request itself, its file in a blob."""
    blob = f"brought/{caller}/{owner.thumbprint}.pfx"
    site.blobs.put(blob, owner.pfx(password))
    usual: dict[str, Any] = {
        "ciphertext": site.seal(password).ciphertext,
        "key": "import",
        "key_version": "",
        "padding": "OaepSha256",
        "blob": blob,
        "thumbprint": owner.thumbprint,
        "purpose": Purpose.ENCRYPTION,
    }
    return BroughtParcel(**{**usual, **changes})


def opened(item: Item, certificate: bytes, key: rsa.RSAPrivateKey) -> str:
    """The password, as the device reads it."""
    content, _ = EnvelopedMessage.parse(item.sealed_password).open([(certificate, key)])
    return content.decode()


def device_certificate(
    key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, *, begins: datetime = NOW - DAY, life: int = 365
) -> Certificate:
    """One of a CA that is not ours, for the key itself signs it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a device of Intune")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(77)
        .not_valid_before(begins)
        .not_valid_after(begins + life * DAY)
    )
    return Certificate.from_der(builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER))


def tiny_certificate() -> bytes:
    """With an RSA key of 512 bits, which the library makes no more; nobody looks at the signature."""
    numbers = writer.sequence(writer.integer(2**511 + 111), writer.integer(65537))
    algorithm = writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null())
    spki = writer.sequence(algorithm, writer.bit_string(numbers))
    name = Name.build([("CN", "tiny")])
    asked = CertificateTemplate(name, spki, NOW - DAY, NOW + 365 * DAY, ())
    signed_with = signature_algorithm(import_key(1))
    tbs = compose_tbs(asked, serial=5, issuer=name, signature_algorithm=signed_with)
    return assemble(tbs, signed_with, bytes(64))
