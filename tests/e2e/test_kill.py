"""A host that dies by SIGKILL in the middle of an enrolment, and the same request to the next one.

No lease is waited for: the first repeat is served, with the serial that the dead host had claimed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from local.azurite import Azurite
from shared.scep.client import Requester
from shared.scep.message import MessageType, PKIStatus
from shared.store.connection import StorageConnection
from shared.store.ports import Claim
from shared.store.tables import TableStore
from shared.x509.certificate import Certificate
from tests.contracts.backend import table_store
from tests.e2e.host import Host
from tests.e2e.lint import Served
from tests.e2e.messages import Message, enrolment
from tests.e2e.site import ROOT, Site
from tests.scep.authority import csr, key

pytestmark = pytest.mark.host


@dataclass(frozen=True)
class Scene:
    """A site whose storage outlives its hosts, and the store as the hosts see it."""

    site: Site
    store: TableStore
    app: Path
    flag: Path

    @contextmanager
    def doomed_host(self, before: str) -> Iterator[Host]:
        """A host that dies before it calls `before` of its store, once `send_to_death` has begun."""
        environment = {"KILL_BEFORE": before, "KILL_FLAG": str(self.flag)}
        with self.site.running(app=self.app, environment=environment) as host:
            yield host

    def send_to_death(self, host: Host, message: Message, profile: str = "device") -> None:
        """Send a message that the host does not live to answer."""
        self.flag.touch()
        with pytest.raises(httpx.TransportError):
            message.post(host, profile)
        host.wait_until_killed()

    def claims(self, owner: str) -> list[Claim]:
        return list(self.store.owned_by(owner))

    def serials(self, owner: str) -> list[str]:
        """Of the certificates on record."""
        found = (self.store.find(claim.issuer, claim.serial) for claim in self.claims(owner))
        return [record.serial for record in found if record is not None]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("killed")
    shutil.copytree(Path(__file__).with_name("killed_app"), folder / "app")
    shutil.copy(ROOT / "host.json", folder / "app")
    with Azurite.start(in_memory=True) as azurite:
        connection = StorageConnection.from_connection_string(azurite.connection_string)
        site = Site.make(folder, azurite.connection_string)
        yield Scene(site, table_store(connection), folder / "app", folder / "flag")
        connection.close()
        served = Served()
        served.add_records(site.storage, site.issuer)
        assert served.findings() == []


def certificate(host: Host, message: Message, profile: str = "device") -> Certificate:
    """What the first answer brings; anything but success fails the test."""
    reply = message.post(host, profile)
    assert reply.status is PKIStatus.SUCCESS, reply.fail_text
    return reply.certificates[0]


def test_between_claim_and_commit_of_a_device(scene: Scene) -> None:
    subject = "CN=dev1"
    with scene.doomed_host(before="commit") as host:
        challenge = host.challenge(subject, device="dev1")
        message = enrolment(host, subject, challenge)
        scene.send_to_death(host, message)
    (claim,) = scene.claims("device:dev1")
    assert scene.serials("device:dev1") == []
    with scene.site.running() as host:
        first = certificate(host, message)
        fresh = enrolment(host, subject, challenge, transaction_id=message.transaction_id)
        assert certificate(host, fresh).der == first.der
        assert [record["serial"] for record in host.records(owner="device:dev1")] == [claim.serial]
    assert first.serial_hex == claim.serial
    assert scene.serials("device:dev1") == [claim.serial]


@pytest.mark.parametrize(("before", "links"), [("link", 0), ("commit", 1)])
def test_between_claim_and_commit_of_a_user(scene: Scene, before: str, links: int) -> None:
    subject, device, user = "CN=Ann", f"device:{before}-2", f"user:{before}@example.org"
    with scene.doomed_host(before) as host:
        owners = {"device": f"{before}-2", "user": f"{before}@example.org"}
        challenge = host.challenge(subject, profile="user", **owners)
        message = enrolment(host, subject, challenge)
        scene.send_to_death(host, message, "user")
    (claim,) = scene.claims(device)
    assert len(scene.claims(user)) == links
    assert scene.serials(device) == []
    with scene.site.running() as host:
        fresh = enrolment(host, subject, challenge, transaction_id=message.transaction_id)
        first = certificate(host, fresh, "user")
        assert certificate(host, message, "user").der == first.der
    assert first.serial_hex == claim.serial
    assert scene.serials(device) == scene.serials(user) == [claim.serial]


@pytest.mark.parametrize("before", ["commit", "remember"])
def test_in_a_renewal(scene: Scene, before: str) -> None:
    subject, device, owner = "CN=dev3", f"renewing-{before}", f"device:renewing-{before}"
    with scene.doomed_host(before) as host:
        old = certificate(host, enrolment(host, subject, host.challenge(subject, device=device)))
        message = renewal(host, subject, old)
        scene.send_to_death(host, message)
    (promised,) = {claim.serial for claim in scene.claims(owner)} - {old.serial_hex}
    with scene.site.running() as host:
        new = certificate(host, message)
        again = renewal(host, subject, old, transaction_id=message.transaction_id)
        assert certificate(host, again).der == new.der
    assert new.serial_hex == promised
    assert sorted(scene.serials(owner)) == sorted([old.serial_hex, promised])
    waiting = scene.store.due(new.not_after.date())
    assert [each.successor for each in waiting if each.serial == old.serial_hex] == [promised]


def renewal(host: Host, subject: str, old: Certificate, transaction_id: str | None = None) -> Message:
    """A RenewalReq of `old`, which has device key 0, for device key 1."""
    return Message.make(
        host,
        csr(subject, number=1),
        Requester(old, key(0)),
        kind=MessageType.RENEWAL_REQ,
        transaction_id=transaction_id,
    )
