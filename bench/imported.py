"""What a delivery of an imported PFX costs in process, beside the speed of RSA: `python -m bench.imported`.

Parcels and requests are made beforehand; stores are in memory; one thread; CPU time. Small batches take turns with the
private-key operation alone, so that whatever else the machine does meets both alike; the quarter of the batches that
went best is what counts.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

import typer
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from bench.fleet import now
from bench.machine import description, openssl_speed
from bench.report import Report, progress, show
from bench.world import World
from shared.ca.authority import CertificateAuthority, Order
from shared.devices.signature import sign
from shared.keys import software
from shared.keys.ports import DecryptionKey, public_key_info
from shared.pfx.callbacks import Callbacks
from shared.pfx.import_keys import ImportKey, oaep
from shared.pfx.imported import ImportedPFX
from shared.pfx.imported_recipients import ImportedRecipients
from shared.pfx.imported_request import PFXRequest
from shared.pfx.kept_deliveries import KeptDeliveries
from shared.pfx.packing import Packer
from shared.pfx.parcel_order import ParcelOrder
from shared.pfx.parcels import Parcels
from shared.pfx.password_sealing import CMSSealer
from shared.pfx.results import Results
from shared.policy.callers import Caller
from shared.store.memory import MemoryQueue
from shared.store.memory_deliveries import MemoryDeliveryStore
from shared.store.memory_parcels import MemoryParcelStore, MemoryPFXRequestLog, MemoryPrivateBlobs
from shared.store.parcels import Purpose
from shared.store.pfx_requests import RequestState
from shared.x509.certificate import CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name

BATCH = 20
IMPORT_KEYS = ("rsa-2048", "rsa-3072")
USER, DEVICE, PASSWORD = "ann@example.org", "laptop-1", "a password of 24 letters"
LARGEST = 256 * 1024


class OneKey:
    """ImportKeys with one software key."""

    def __init__(self, algorithm: str) -> None:
        key = software.generate(algorithm)
        if not isinstance(key, rsa.RSAPrivateKey):
            raise TypeError(algorithm)
        self.private = key

    def versions(self) -> Sequence[ImportKey]:
        return [ImportKey("import", "1", self.private.public_key())]

    def decryption_key(self, name: str, version: str) -> DecryptionKey | None:
        return self.private if (name, version) == ("import", "1") else None


class Site:
    """A user with `count` parcels, and a device with an RSA-2048 key."""

    def __init__(self, algorithm: str, count: int) -> None:
        self.keys, self.world = OneKey(algorithm), World("p-256", 1)
        store, blobs = MemoryParcelStore(), MemoryPrivateBlobs()
        parcels = Parcels(store, blobs, self.keys, now, LARGEST)
        for number in range(count):
            parcels.take(_parcel(self.keys, number), by="bench")
        self._enrol()
        sealer = CMSSealer()
        self.service = ImportedPFX(
            callers={"bench": Caller(name="bench", pfx=("stored",))},
            parcels=store,
            requests=MemoryPFXRequestLog(),
            recipients=ImportedRecipients(self.world.store, sealer, self.world.issuer),
            packer=Packer(store, blobs, self.keys, sealer, now, LARGEST),
            deliveries=KeptDeliveries(MemoryDeliveryStore(), timedelta(days=7), now),
            results=Results((), lambda _: MemoryQueue(), MemoryQueue(), Callbacks([], {}, sign)),
            clock=now,
        )

    def deliver(self, numbers: range) -> None:
        for number in numbers:
            purposes = frozenset({Purpose.ENCRYPTION})
            asked = PFXRequest("bench", f"r{number}", USER, DEVICE, purposes, None, b"", b"", "digest")
            if self.service.handle(asked).state is not RequestState.DELIVERED:
                raise RuntimeError(f"request {number} was not delivered")

    def _enrol(self) -> None:
        spki = public_key_info(rsa.generate_private_key(public_exponent=65537, key_size=2048))
        extensions = (basic_constraints(False), key_usage(["keyEncipherment"]), subject_key_identifier(spki))
        begins = now() - timedelta(days=1)
        name = Name.build([("CN", DEVICE)])
        asked = CertificateTemplate(name, spki, begins, begins + timedelta(days=90), extensions)
        authority = CertificateAuthority(self.world.issuer, self.world.store)
        authority.issue(asked, Order("enrolled", "device", "bench", device=DEVICE), now=now())


def _parcel(keys: OneKey, number: int) -> ParcelOrder:
    """The PFX has a certificate of the right size, whosever it is."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"ann {number}")])
    begins = now() - timedelta(days=number + 1)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(number + 1).not_valid_before(begins)
    certificate = builder.not_valid_after(begins + timedelta(days=365)).sign(key, hashes.SHA256())
    protection = BestAvailableEncryption(PASSWORD.encode())
    return ParcelOrder(
        user=USER,
        thumbprint=f"{number:040x}",
        purpose=Purpose.ENCRYPTION,
        not_before=begins,
        not_after=begins + timedelta(days=365),
        subject="",
        password=keys.versions()[0].seal(PASSWORD.encode()),
        pfx=pkcs12.serialize_key_and_certificates(b"mail", key, certificate, None, protection),
    )


@dataclass
class Samples:
    """Microseconds of one delivery, and of opening one password, batch by batch."""

    deliveries: list[float] = field(default_factory=list)
    keys: list[float] = field(default_factory=list)


def best(samples: list[float]) -> float:
    """The lower quartile."""
    return statistics.quantiles(samples, n=4)[0]


def measure(algorithm: str, parcels: int, batches: int) -> Samples:
    """Samples for an import key and so many parcels in a delivery."""
    site, samples = Site(algorithm, parcels), Samples()
    sealed = site.keys.versions()[0].seal(PASSWORD.encode()).ciphertext
    site.keys.private.decrypt(sealed, oaep())
    for batch in progress(range(batches), f"{algorithm}, {parcels} parcels"):
        start = time.process_time()
        site.deliver(range(batch * BATCH, (batch + 1) * BATCH))
        samples.deliveries.append(1e6 * (time.process_time() - start) / BATCH)
        start = time.process_time()
        for _ in range(BATCH):
            site.keys.private.decrypt(sealed, oaep())
        samples.keys.append(1e6 * (time.process_time() - start) / BATCH)
    return samples


def main(
    count: Annotated[int, typer.Option(min=2 * BATCH, max=10_000, help="Deliveries of each kind.")] = 400,
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """Report deliveries per second beside what the import key itself takes."""
    rows: list[dict[str, object]] = []
    for algorithm in IMPORT_KEYS:
        speed = openssl_speed(algorithm)
        for parcels in (1, 5):
            found = measure(algorithm, parcels, count // BATCH)
            delivery, key = best(found.deliveries), best(found.keys)
            rows.append(
                {
                    "import key": algorithm,
                    "PFX in a delivery": parcels,
                    "us of a delivery": round(delivery),
                    "per second and core": round(1e6 / delivery),
                    "us of opening a password": round(key),
                    "ratio": round(delivery / (parcels * key), 2),
                    "us of the key by openssl speed": round(speed) if speed else "no openssl",
                }
            )
    about = f"{count} deliveries in process, one thread, CPU time"
    show(description(), [Report("Imported PFX", about, list(rows))], as_json=as_json)


if __name__ == "__main__":
    typer.run(main)
