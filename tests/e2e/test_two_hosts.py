"""Two hosts over one storage and one vault, behind a round-robin: what one began the other goes on with.

Each device's GetCACaps, GetCACert and PKIOperation land on different hosts; timers run on both at the same time; one
is killed under load. Nobody fails after a retry, and there is one sequence of CRLs.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import httpx
import pytest

from local.azurite import Azurite
from shared.asn1.pem import from_pem
from shared.cms.signing import parse_degenerate
from shared.keys.vault_secrets import VaultSecretStore
from shared.scep.client import build_request, read_reply
from shared.scep.message import PKIStatus
from shared.store.blobs import BlobPublicationStore
from shared.store.connection import StorageConnection
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from tests.e2e.front import serving
from tests.e2e.host import Host
from tests.e2e.round_robin import RoundRobin
from tests.e2e.vault_site import VaultSite
from tests.scep.authority import csr, self_signed
from tests.vault.ceremony import RA
from tests.vault.clients import vaults_over
from tests.vault.server import FakeVault

pytestmark = [pytest.mark.host, pytest.mark.long, pytest.mark.timeout(600)]

DEVICES, AT_ONCE, TRIES = 90, 6, 3
HALF_A_YEAR = timedelta(days=200)  # an RA of that age wants a successor


@dataclass
class Pair:
    """Two hosts, and who stands before them."""

    site: VaultSite
    hosts: list[Host]
    balancer: RoundRobin
    url: str

    def run_timer(self, name: str) -> None:
        """On both hosts at the same time, where they live."""
        alive = [host for host in self.hosts if host.process.poll() is None]
        with ThreadPoolExecutor(len(alive)) as pool:
            list(pool.map(lambda host: _run(host, name), alive))


def _run(host: Host, name: str) -> None:
    try:
        key = json.loads(host.ready.read_text())["master_key"]
        headers = {"x-functions-key": key}
        url = f"{host.url}/admin/functions/{name}"
        assert httpx.post(url, json={}, headers=headers, timeout=30, trust_env=False).status_code == 202
    except (httpx.TransportError, FileNotFoundError):
        assert host.process.poll() is not None or host.killed


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[Pair]:
    folder = tmp_path
    with ExitStack() as stack:
        vault = stack.enter_context(FakeVault(folder))
        azurite = stack.enter_context(Azurite.start(in_memory=True))
        site = VaultSite.make(folder / "site", azurite.connection_string, vault, ra_age=HALF_A_YEAR)
        hosts = stack.enter_context(site.hosts(2, SCEPTER_VAULT_WORKERS="2"))
        balancer = RoundRobin([host.url for host in hosts])
        yield Pair(site, hosts, balancer, stack.enter_context(serving(balancer.runner())))


@dataclass
class Device:
    """A SCEP client of the simplest kind: three requests, each tried again where it is told to, or hears nothing."""

    pair: Pair
    number: int
    challenge: str
    tries: list[int] = field(default_factory=list)

    @property
    def name(self) -> str:
        return f"pair-{self.number}"

    def enrol(self, ra: Certificate | None = None) -> Certificate:
        """Raises AssertionError if it is refused, or fails more often than a client tries."""
        with httpx.Client(base_url=f"{self.pair.url}/scep/device", timeout=30, trust_env=False) as http:
            assert b"POSTPKIOperation" in self._ask(http, "GET", "GetCACaps")
            found, _ = parse_degenerate(self._ask(http, "GET", "GetCACert"))
            offered = next(each for each in map(Certificate.from_der, found) if not each.is_ca)
            requester, addressed = self_signed(self.number % 3), ra or offered
            request = csr(f"CN={self.name}", challenge=self.challenge, number=self.number % 3)
            der, transaction, nonce = build_request(request, requester, addressed)
            first = self._ask(http, "POST", "PKIOperation", der)
            again = self._ask(http, "POST", "PKIOperation", der)
        replies = [
            read_reply(each, requester, addressed, transaction_id=transaction, nonce=nonce)
            for each in (first, again)
        ]
        assert [reply.status for reply in replies] == [PKIStatus.SUCCESS] * 2, replies[0].fail_text
        assert replies[0].certificates == replies[1].certificates
        return replies[0].certificates[0]

    def _ask(self, http: httpx.Client, method: str, operation: str, body: bytes = b"") -> bytes:
        for attempt in range(1, TRIES + 1):
            try:
                answer = http.request(method, "", params={"operation": operation}, content=body)
            except httpx.TransportError:
                answer = httpx.Response(502)
            if answer.status_code < 500:
                self.tries.append(attempt)
                return answer.raise_for_status().content
            time.sleep(0.3)
        raise AssertionError(f"{self.name}: {operation} failed {TRIES} times, last with {answer.status_code}")


def device(pair: Pair, number: int) -> Device:
    name = f"pair-{number}"
    return Device(pair, number, pair.hosts[0].challenge(f"CN={name}", device=name))


def test_the_three_requests_of_a_device_land_on_different_hosts(pair: Pair) -> None:
    pair.balancer.served.clear()
    for number in range(1000, 1004):
        device(pair, number).enrol()
    served = pair.balancer.served
    assert [host for host, _ in served] == [0, 1] * 8
    assert {host for host, what in served if "GetCACaps" in what} == {0}
    assert {host for host, what in served if "GetCACert" in what} == {1}
    # The request and its repeat: claimed by one, answered again by the other.
    assert [host for host, what in served if what.startswith("POST")] == [0, 1] * 4


def ra_identities(pair: Pair) -> list[Certificate]:
    with vaults_over(pair.site.vault) as vaults:
        secrets = VaultSecretStore(vaults.at(pair.site.vault.url))
        texts = [secrets.read(RA, each.version) for each in secrets.versions(RA)]
    blocks = [from_pem(text.encode()) for text in texts]
    return [Certificate.from_der(der) for found in blocks for label, der in found if label == "CERTIFICATE"]


def test_the_ra_is_renewed_by_both_and_each_knows_what_the_other_made(pair: Pair) -> None:
    (before,) = ra_identities(pair)
    pair.run_timer("renew_ra")
    deadline = time.monotonic() + 30
    while len(after := ra_identities(pair)) < 2:
        assert time.monotonic() < deadline, pair.hosts[0].output()
        time.sleep(0.2)
    time.sleep(2)
    after = ra_identities(pair)
    assert before in after
    assert 2 <= len(after) <= 3  # docs/keys.md: two workers at once may make two, and both work
    pair.run_timer("renew_ra")
    time.sleep(2)
    assert len(ra_identities(pair)) == len(after)
    for number, identity in enumerate(after):  # sealed to each of them, answered by both hosts
        device(pair, 2000 + number).enrol(ra=identity)


@dataclass
class Watch:
    """What stood published, in order: the number and a digest of each CRL that was seen in storage."""

    seen: list[tuple[int, str]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def run(self, storage: str, issuer: str) -> None:
        connection = StorageConnection.from_connection_string(storage)
        store = BlobPublicationStore(connection.container())
        while not self.over.is_set():
            found = store.read(f"crl/{issuer}.crl")
            if found is not None:
                state = parse_crl(found.data).number, hashlib.sha256(found.data).hexdigest()
                if not self.seen or self.seen[-1] != state:
                    self.seen.append(state)
            self.over.wait(0.02)
        connection.close()


@contextmanager
def watched(pair: Pair) -> Iterator[Watch]:
    watch = Watch()
    thread = threading.Thread(target=watch.run, args=(pair.site.site.storage, pair.site.issuing))
    thread.start()
    try:
        yield watch
    finally:
        watch.over.set()
        thread.join(20)


@contextmanager
def busy_timers(pair: Pair) -> Iterator[None]:
    """CRLs are asked for on both hosts all the time, by timer and by hand, and the RA is renewed on the way."""
    over = threading.Event()

    def run() -> None:
        while not over.wait(0.5):
            pair.run_timer("publish_crl_when_due")
            pair.run_timer("reconcile_crl")
            pair.run_timer("renew_ra")
            for host in pair.hosts:
                if host.process.poll() is None:
                    with suppress_ends(host):
                        host.manage("POST", "crl")

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(60)


@contextmanager
def suppress_ends(host: Host) -> Iterator[None]:
    """What a host that is being killed does not answer, and a publisher that lost too often."""
    try:
        yield
    except (httpx.TransportError, httpx.HTTPStatusError) as error:
        status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else 0
        assert status == 503 or host.process.poll() is not None or host.killed, error


def test_one_host_is_killed_under_load_and_nobody_fails(pair: Pair) -> None:
    survivor, doomed = pair.hosts
    devices = [device(pair, number) for number in range(DEVICES)]
    for number in range(3):
        self_signed(number)  # here, or threads would make several keys of one number
    done, enough = threading.Semaphore(0), DEVICES // 3
    revoked: list[str] = []

    def enrol(each: Device) -> Certificate:
        certificate = each.enrol()
        if each.number % 5 == 0:
            survivor.revoke(certificate.serial_hex, publish=False)
            revoked.append(certificate.serial_hex)
        done.release()
        return certificate

    with watched(pair) as watch, busy_timers(pair), ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = [pool.submit(enrol, each) for each in devices]
        for _ in range(enough):
            assert done.acquire(timeout=60)
        os.kill(doomed.process.pid, signal.SIGKILL)
        doomed.wait_until_killed()
        certificates = [each.result(timeout=120) for each in waiting]
    survivor.manage("POST", "crl")
    tries = [attempt for each in devices for attempt in each.tries]
    assert max(tries) <= 2, tries  # nobody failed after its retry
    assert pair.balancer.lost >= 1  # the kill was felt
    assert {host for host, _ in pair.balancer.served} == {0, 1}
    assert len({each.serial_hex for each in certificates}) == DEVICES
    on_record = {
        record["serial"] for number in range(0, DEVICES, 10) for record in _records(survivor, number)
    }
    assert on_record == {certificates[number].serial_hex for number in range(0, DEVICES, 10)}
    assert len(ra_identities(pair)) >= 2
    check_sequence(watch, survivor.output())
    der = survivor.http.get(f"/crl/{pair.site.issuing}.crl").content
    crl = parse_crl(der)
    assert all(crl.find(serial) is not None for serial in revoked)
    assert len(revoked) == DEVICES // 5


def _records(host: Host, number: int) -> list[dict[str, object]]:
    return host.records(owner=f"device:pair-{number}")


def check_sequence(watch: Watch, log: str) -> None:
    """Strictly increasing in storage; and no two publishers say that they put the same number."""
    numbers = [number for number, _ in watch.seen]
    assert len(numbers) > 3
    assert all(before < after for before, after in pairwise(numbers)), numbers
    put = re.findall(r"CRL (\d+) of ", log)
    assert len(put) == len(set(put)) >= len(numbers) - 1
