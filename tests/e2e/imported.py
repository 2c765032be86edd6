"""A site whose host delivers imported PFX: its caller, its devices, and all that is in its storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.ca.authority import CertificateAuthority, Order
from shared.keys.ports import public_key_info
from shared.pfx.import_key_folder import SoftwareImportKeys
from shared.pfx.imported_delivery import ImportedDelivery
from shared.pfx.imported_request import delivery_id
from shared.store.connection import DELIVERIES, PARCELS, TABLES, StorageConnection
from shared.store.delivery_blobs import BlobDeliveryStore
from shared.store.parcel_table import TableParcelStore
from shared.store.pfx_request_table import TablePFXRequestLog
from shared.store.private_blobs import StoragePrivateBlobs
from shared.store.queues import StorageQueue
from shared.wiring.stores import QUEUES
from shared.x509.certificate import CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.contracts.backend import table_store
from tests.e2e.host import Host
from tests.e2e.site import Site
from tests.pfx.imported_site import device_key, opened
from tests.programs import OpenSSL

SECRET = "the-secret-of-the-caller-mdm"
CALLER = """
[[callers]]
name = "mdm"
pfx = ["stored", "brought"]
rate = "999999/minute"
"""
KEYS = 4


def prepared(folder: Path, storage: str) -> Site:
    """A site with the caller `mdm`."""
    site = Site.make(folder, storage)
    site.let(SCEPTER_CALLER_SECRETS__MDM=SECRET)
    policy = folder / "profiles.toml"
    policy.write_text(policy.read_text("utf-8") + CALLER, "utf-8")
    return site


@dataclass(frozen=True)
class Device:
    """A certificate of ours and its key; a few keys serve all devices."""

    name: str
    certificate: bytes

    @property
    def key(self) -> Any:
        return device_key(f"key {int(self.name.rpartition('-')[2]) % KEYS}")


@dataclass(frozen=True)
class Storage:
    """What the hosts of a site have in storage."""

    site: Site
    connection: StorageConnection

    @cached_property
    def parcels(self) -> TableParcelStore:
        return TableParcelStore(self.connection.table("parcels"))

    @cached_property
    def requests(self) -> TablePFXRequestLog:
        return TablePFXRequestLog(self.connection.table("pfxrequests"))

    @cached_property
    def blobs(self) -> StoragePrivateBlobs:
        return StoragePrivateBlobs(self.connection.container(PARCELS))

    @cached_property
    def queue(self) -> StorageQueue:
        return StorageQueue(self.connection.queue("pfx-requests"))

    @property
    def import_keys(self) -> SoftwareImportKeys:
        return SoftwareImportKeys(self.site.folder / "ca")

    def enrol(self, count: int) -> list[Device]:
        """As many devices, on record without asking a host."""
        authority = CertificateAuthority(self.site.ca.issuer(self.site.url), table_store(self.connection))
        then = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        devices = []
        for number in range(count):
            name = f"device-{number}"
            spki = public_key_info(Device(name, b"").key)
            extensions = (
                basic_constraints(False),
                key_usage(["keyEncipherment"]),
                subject_key_identifier(spki),
            )
            asked = CertificateTemplate(
                Name.build([("CN", name)]), spki, then, then + timedelta(days=90), extensions
            )
            order = Order(f"enrolled {name}", "device", "sealed:demo", device=name)
            record = authority.issue(asked, order, now=then).record
            assert record.certificate is not None
            devices.append(Device(name, record.certificate))
        return devices

    def delivery(self, identifier: str, caller: str = "mdm") -> ImportedDelivery | None:
        """What stands for a request."""
        found = self.deliveries.find(delivery_id(caller, identifier))
        return None if found is None else ImportedDelivery.parse(found.content)

    @property
    def deliveries(self) -> BlobDeliveryStore:
        return BlobDeliveryStore(self.connection.container(DELIVERIES))

    def everything(self) -> dict[str, bytes]:
        """All that the hosts left anywhere: their output, every row, message and blob. Messages are hidden by it."""
        found = {"output": self.site.output.read_bytes()}
        for table in TABLES:
            for number, row in enumerate(self.connection.table(table).list_entities()):
                found[f"{table} {number}"] = repr(dict(row)).encode() + b"".join(
                    value for value in row.values() if isinstance(value, bytes)
                )
        for queue in (name for each in QUEUES for name in (each, f"{each}-poison")):
            client = self.connection.queue(queue)
            for number, message in enumerate(
                client.receive_messages(messages_per_page=32, visibility_timeout=600)
            ):
                found[f"{queue} {number}"] = str(message.content).encode()
        for container in ("pki", PARCELS, DELIVERIES):
            blobs = self.connection.container(container)
            for blob in blobs.list_blobs():
                found[f"{container} {blob.name}"] = blobs.download_blob(blob.name).readall()
        return found


@contextmanager
def stored(site: Site) -> Iterator[Storage]:
    """The storage of a site, made ready."""
    connection = StorageConnection.from_connection_string(site.storage)
    queues = [name for each in QUEUES for name in (each, f"{each}-poison")]
    connection.create_missing(queues=queues, public_containers=True)
    try:
        yield Storage(site, connection)
    finally:
        connection.close()


def ask(host: Host, **order: Any) -> Any:
    """`POST /pfx/requests` as `mdm`."""
    headers = {"authorization": f"Bearer {SECRET}"}
    return host.http.post("/pfx/requests", json={"version": 1, **order}, headers=headers)


def passwords(delivery: ImportedDelivery, device: Device) -> dict[str, str]:
    """By thumbprint, as the device reads them."""
    return {item.thumbprint: opened(item, device.certificate, device.key) for item in delivery.items}


def opens(openssl: OpenSSL, pfx: bytes, password: str) -> None:
    """Fails the test unless openssl opens the PFX."""
    (openssl.folder / "one.pfx").write_bytes(pfx)
    (openssl.folder / "secret").write_text(f"{password}\n", encoding="utf-8")
    openssl.run("pkcs12", "-in", "one.pfx", "-passin", "file:secret", "-noenc", "-out", "one.pem")
