"""Intune away under load: every device is told to come again, nothing is half issued, and all recovers by itself."""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Self

import httpx
import pytest

from fakes.microsoft import FakeIntune, Reset, Slow, Status
from local.azurite import Azurite
from shared.scep.message import PKIStatus
from tests.e2e.host import Host
from tests.e2e.messages import Message, enrolment
from tests.intune.clients.conftest import Managed, environment, site_in

pytestmark = pytest.mark.host

log = logging.getLogger("scepter.tests")

WITHDRAWN_BY = "intune:not-acknowledged"
REFUSED = 10


@dataclass
class Crowd:
    """Devices that insist until they have a certificate, as long as it takes."""

    managed: Managed
    messages: dict[str, Message]
    seen: Counter[str] = field(default_factory=Counter)
    retry_after: set[int] = field(default_factory=set)
    unreported: list[str] = field(default_factory=list)
    slowest: float = 0.0
    answered_at: float = 0.0
    """When a CertRep last came."""
    lock: Lock = field(default_factory=Lock)
    ends: Event = field(default_factory=Event)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ends.set()  # whatever happened, nobody insists any longer

    def insist(self, name: str) -> str:
        """The serial that the device gets at last."""
        while not self.ends.is_set():
            begun = time.monotonic()
            answer = self._post(self.messages[name])
            with self.lock:
                self.slowest = max(self.slowest, time.monotonic() - begun)
                self.seen[str(answer.status_code)] += 1
            if answer.status_code == 503:
                with self.lock:
                    self.retry_after.add(int(answer.headers["retry-after"]))
            else:
                self.answered_at = time.monotonic()
                reply = self.messages[name].read(answer.raise_for_status().content)
                if reply.status is PKIStatus.SUCCESS:
                    return self._received(reply.certificates[0].serial_hex)
                with self.lock:
                    self.seen["FAILURE"] += 1
            self.ends.wait(1)  # a device would wait as long as it is told
        raise AssertionError(f"{name} never got a certificate: {self.seen}")

    def _received(self, serial: str) -> str:
        if serial not in self.managed.reported():
            self.unreported.append(serial)
        return serial

    def _post(self, message: Message) -> httpx.Response:
        return self.managed.host.http.post("/scep/device?operation=PKIOperation", content=message.der)


@contextmanager
def managed_in(folder: Path, **settings: str) -> Iterator[Managed]:
    """A host and a fake of its own: what others were told counts here."""
    with (
        Azurite.start(in_memory=True) as azurite,
        FakeIntune(folder) as fake,
        site_in(folder, azurite).running(environment={**environment(fake), **settings}) as host,
    ):
        yield Managed(host, fake)


def enrolments(managed: Managed, names: list[str], subject: str = "CN={}") -> dict[str, Message]:
    subjects = {name: subject.format(name) for name in names}
    mint = managed.fake.scep.challenges.mint
    return {name: enrolment(managed.host, each, mint(each)) for name, each in subjects.items()}


def sweep(host: Host, managed: Managed, told: int) -> None:
    """Run the timer on demand, and wait until that many failures are told in all."""
    key = json.loads(host.ready.read_text())["master_key"]
    answer = host.http.post("/admin/functions/sweep_intune", json={}, headers={"x-functions-key": key})
    assert answer.status_code == 202
    wait_until(lambda: len(managed.fake.scep.failures) >= told)


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def good(host: Host) -> set[str]:
    """Serials of the good certificates on record."""
    return {row["serial"] for row in host.records() if row["status"] == "good"}


def drill(managed: Managed, devices: int, seconds: float) -> Crowd:
    """Devices come all the time; Intune goes away for so many seconds, in three different ways, and comes back."""
    host, fake = managed.host, managed.fake
    refused = enrolments(managed, [f"refused-{number}" for number in range(REFUSED)], "O=Example,CN={}_")
    for message in refused.values():
        assert message.post(host).status is PKIStatus.FAILURE
    names = [f"dev-{number}" for number in range(devices)]
    crowd = Crowd(managed, enrolments(managed, names))
    with ThreadPoolExecutor(32) as pool, crowd:
        devices_at_work = [pool.submit(crowd.insist, name) for name in names]
        wait_until(lambda: len(managed.reported()) >= devices // 4)
        fake.always(Reset())
        time.sleep(seconds / 3)
        wait_until(lambda: time.monotonic() - crowd.answered_at > 2)  # those that were on their way
        before = good(host)
        crowd.seen.clear()
        sweep(host, managed, 0)
        fake.always(Status(503))
        time.sleep(seconds / 3)
        fake.always(Slow(30))  # longer than anybody waits
        time.sleep(seconds / 3)
        # Nothing is half issued: those that have one were told to Intune, and there are no more than before.
        assert before == good(host) <= set(managed.reported())
        assert crowd.seen["200"] == 0
        fake.always(None)
        received = {future.result(120) for future in devices_at_work}
    assert len(received) == devices
    sweep(host, managed, REFUSED)
    assert len(fake.scep.failures) == REFUSED
    check(crowd, received)
    return crowd


def check(crowd: Crowd, received: set[str]) -> None:
    """One good certificate for each device, known to Intune before the device had it; all others withdrawn."""
    assert crowd.unreported == []
    assert crowd.seen["503"] > 0
    assert all(1 <= seconds <= 600 for seconds in crowd.retry_after)
    rows = crowd.managed.host.records()
    assert good(crowd.managed.host) == received <= set(crowd.managed.reported())
    withdrawn = [row["revocation"]["by"] for row in rows if row["status"] != "good"]
    assert set(withdrawn) <= {WITHDRAWN_BY}


def test_intune_away_for_moments(tmp_path: Path) -> None:
    with managed_in(tmp_path, SCEPTER_INTUNE_SECONDS="4") as managed:
        drill(managed, devices=16, seconds=3)


@pytest.mark.long
def test_intune_away_for_a_minute(tmp_path: Path) -> None:
    with managed_in(tmp_path) as managed:
        crowd = drill(managed, devices=200, seconds=60)
    log.info("%s, Retry-After %s, slowest %.1f s", dict(crowd.seen), sorted(crowd.retry_after), crowd.slowest)
