"""Mixed orders for keys made on the server, good and bad, for hosts that may die; and what must hold of each after."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest
from azure.storage.queue import QueueClient, TextBase64DecodePolicy, TextBase64EncodePolicy
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_key_and_certificates

from commands.pkcs_client import opened
from shared.ca.authority import CertificateAuthority, Order
from shared.keys.ports import public_key_info
from shared.pfx.delivery_keys import DeliveryKeys
from shared.store.connection import StorageConnection
from shared.store.delivery_blobs import BlobDeliveryStore
from shared.store.delivery_tables import TableOrderLog
from shared.store.orders import OrderEntry, OrderState
from shared.store.ports import CertificateRecord, Status
from shared.x509.certificate import CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.contracts.backend import table_store
from tests.e2e.host import Host
from tests.e2e.planted import Planted
from tests.e2e.site import ROOT, Site
from tests.scep.authority import DAY, key

DEVICES, AT_ONCE = 20, 6
LEASE = {"LOCAL_QUEUE_LEASE_SECONDS": "5"}
Count = TypeVar("Count")
QUEUES = ("results", "pkcs-requests", "pkcs-requests-poison")


def planted_app(folder: Path) -> Path:
    """A folder with the function app whose keys and passwords are known."""
    shutil.copytree(Path(__file__).with_name("planted_app"), folder)
    shutil.copy(ROOT / "host.json", folder)
    return folder


@dataclass
class PKCSOrders:
    """`count` orders at a site whose storage outlives its hosts: `wanted` must succeed, `wrong` must not."""

    site: Site
    storage: StorageConnection
    planted: Planted
    app: Path
    count: int
    wanted: dict[str, dict[str, Any]] = field(default_factory=dict)
    wrong: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def orders(self) -> TableOrderLog:
        return TableOrderLog(self.storage.table("orders"))

    @property
    def names(self) -> list[str]:
        """Of all orders, as they are counted."""
        return sorted({**self.wanted, **self.wrong}, key=lambda name: int(name.split("-")[1]))

    def entries(self) -> dict[str, OrderEntry]:
        return {entry.id: entry for entry in self.orders.entries("pkcs")}

    def records(self) -> list[CertificateRecord]:
        found = table_store(self.storage).records(self.site.issuer)
        return [record for record in found if record.vouched_by.startswith("pkcs:")]

    def queue(self, name: str) -> QueueClient:
        return QueueClient.from_connection_string(
            self.site.storage,
            name,
            message_encode_policy=TextBase64EncodePolicy(),
            message_decode_policy=TextBase64DecodePolicy(),
        )

    @contextmanager
    def host(self, kill: str = "") -> Iterator[Host]:
        given = {**LEASE, **self.planted.environment, "PLANTED_KILL": kill}
        with self.site.running(app=self.app, environment=given) as host:
            yield host


def enrol_devices(drill: PKCSOrders) -> None:
    """Devices with a certificate each to seal to, put on record by the site's own CA."""
    authority = CertificateAuthority(drill.site.ca.issuer(drill.site.url), table_store(drill.storage))
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    for number in range(DEVICES):
        spki = public_key_info(key(number % 3))
        usages = key_usage(["digitalSignature", "keyEncipherment"])
        extensions = (basic_constraints(False), usages, subject_key_identifier(spki))
        template = CertificateTemplate(
            Name.build([("CN", f"d{number}")]), spki, then, then + 90 * DAY, extensions
        )
        authority.issue(template, Order(f"d{number}", "device", "sealed:demo", device=f"d{number}"), now=then)


def mixed(drill: PKCSOrders) -> None:
    """Orders of every kind, good and bad."""
    public = key(0).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    for number in range(drill.count):
        name, device = f"order-{number}", f"d{number % DEVICES}"
        user = {"userPrincipalName": f"u{number}@example.org", "userName": f'U, "{number}"'}
        order: dict[str, Any] = {"id": name, "result": {"queue": "results"}, "device": {"id": device}}
        if number % 10 == 9:
            lacking = [
                {"user": user},
                {"user": {**user, "emailAddress": "x@example.org"}, "device": {"id": "d999"}},
            ]
            drill.wrong[name] = {**order, "profile": "mail", **lacking[number // 10 % 2]}
        elif number % 10 == 8:
            machine = {"id": device, "deviceName": f"M{number}"}
            drill.wanted[name] = {
                **order,
                "profile": "machine",
                "device": machine,
                "recipient": {"key": public},
            }
        else:
            drill.wanted[name] = {
                **order,
                "profile": "mail",
                "user": {**user, "emailAddress": f"u{number}@example.org"},
            }


def send(drill: PKCSOrders, name: str) -> None:
    """By HTTP until it is accepted, or on the queue; some twice, and some ids once more for something else."""
    number, order = int(name.split("-")[1]), drill.wanted.get(name) or drill.wrong[name]
    queue = drill.queue("pkcs-requests")
    if name in drill.wrong or number % 10 in (6, 7):
        message = json.dumps({**order, "caller": "demo"})
        for _ in range(2 if number % 7 == 0 else 1):
            queue.send_message(message)
    else:
        for _ in range(2 if number % 7 == 0 else 1):
            post(drill, order)
    if number % 50 == 0:
        queue.send_message(json.dumps({**order, "caller": "demo", "validityDays": 3}))


def post(drill: PKCSOrders, order: dict[str, Any]) -> None:
    headers = {"Authorization": f"Bearer {drill.site.values['SCEPTER_CALLER_SECRETS__DEMO']}"}
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline:
        try:
            answer = httpx.post(
                f"{drill.site.url}/pkcs/requests", json=order, headers=headers, timeout=30, trust_env=False
            )
        except httpx.TransportError:
            time.sleep(0.5)  # the host was killed
            continue
        if answer.status_code in (200, 202):
            return
        assert answer.status_code == 503, answer.text
        time.sleep(0.5)
    pytest.fail("an order was not accepted in five minutes")


def settled(drill: PKCSOrders) -> int:
    return sum(entry.state is not OrderState.ACCEPTED for entry in drill.entries().values())


def run_with_kills(
    drill: PKCSOrders,
    kills: Sequence[str],
    sends: Sequence[Callable[[], object]],
    ended: Callable[[], Count],
    everything: Count,
    *queues: str,
) -> list[Count]:
    """All `sends`, with hosts that are killed, until `ended` says `everything` and the queues are empty; how many had
    ended each time."""
    killed: list[Count] = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        sending = threading.Thread(target=lambda: list(pool.map(lambda send: send(), sends)))
        sending.start()
        for kill in kills:
            with drill.host(kill) as host:
                host.process.wait(600)
                host.wait_until_killed()
            killed.append(ended())
        with drill.host():
            sending.join(900)
            assert not sending.is_alive()
            until(lambda: ended() == everything, 900)
            until(lambda: all(waiting(drill, queue) == 0 for queue in queues), 300)
    return killed


def waiting(drill: PKCSOrders, queue: str) -> int:
    return int(drill.queue(queue).get_queue_properties().approximate_message_count or 0)


def until(condition: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def messages(queue: QueueClient) -> list[dict[str, Any]]:
    """Everything on a queue, which is empty then."""
    found = []
    for message in queue.receive_messages(messages_per_page=32, visibility_timeout=600):
        found.append(json.loads(message.content))
        queue.delete_message(message)
    return found


def check(drill: PKCSOrders) -> None:
    entries, records = drill.entries(), drill.records()
    assert set(entries) == {*drill.wanted, *drill.wrong}
    good = [record for record in records if record.status is Status.GOOD]
    assert len(good) == len(records) == len(drill.wanted), "one certificate for each order, and no other"
    by_serial = {record.serial: record for record in good}
    blobs = BlobDeliveryStore(drill.storage.container("deliveries"))
    assert {delivery.serial for delivery in blobs.all()} - {""} == set(by_serial), (
        "delivered is what is on record"
    )
    for name in drill.wrong:
        assert entries[name].state is OrderState.FAILED, entries[name]
    for name in drill.wanted:
        entry = entries[name]
        assert entry.state is OrderState.DELIVERED, entry
        record = by_serial[entry.serial]
        assert record.identity.rpartition(":")[0] == f"pkcs:demo:{name}"


def open_all(drill: PKCSOrders) -> None:
    """Every delivery, fetched from a host and opened with its device's key."""
    keys, entries = DeliveryKeys([drill.site.values["SCEPTER_CHALLENGE_KEYS"]]), drill.entries()
    with drill.host() as host:
        for name, order in drill.wanted.items():
            entry = entries[name]
            headers = {"Authorization": f"Bearer {keys.seal(entry.delivery)}"}
            answer = host.http.get(f"/deliveries/{entry.delivery}", headers=headers)
            document = answer.raise_for_status().json()
            number = 0 if order["profile"] == "machine" else int(order["device"]["id"][1:]) % 3
            delivered = opened(document, key(number))
            assert delivered.certificate.serial_hex == entry.serial
            _, certificate, _ = load_key_and_certificates(delivered.pfx, delivered.password.encode())
            assert certificate is not None
            assert certificate.public_bytes(Encoding.DER) == delivered.certificate.der
