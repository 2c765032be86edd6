"""More than a worker may carry, over real HTTP: refused with a time to come again, and then served."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from local.azurite import Azurite
from shared.scep.message import PKIStatus
from tests.e2e.host import Host
from tests.e2e.messages import Message, enrolment
from tests.e2e.site import Site

pytestmark = pytest.mark.host

CLIENTS = 40
SETTINGS = {"SCEPTER_MAX_ENROLMENTS": "2", "SCEPTER_SOURCE_RATE": "1000/minute"}


@pytest.fixture(scope="module")
def small_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A host that carries two enrolments at a time."""
    with Azurite.start(in_memory=True) as azurite:
        site = Site.make(tmp_path_factory.mktemp("small"), azurite.connection_string)
        with site.running(environment=SETTINGS) as host:
            yield host


def post(host: Host, message: Message, **headers: str) -> httpx.Response:
    return host.http.post("/scep/device?operation=PKIOperation", content=message.der, headers=headers)


def test_a_crowd_is_served_when_it_comes_again(small_host: Host) -> None:
    names = [f"crowd-{number}" for number in range(CLIENTS)]
    messages = [
        enrolment(small_host, f"CN={name}", small_host.challenge(f"CN={name}", device=name)) for name in names
    ]
    shed: list[str] = []

    def insist(message: Message) -> PKIStatus:
        while (answer := post(small_host, message)).status_code == 503:
            shed.append(answer.headers["retry-after"])
            time.sleep(0.05)  # a device would wait as long as it is told
        return message.read(answer.raise_for_status().content).status

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert set(pool.map(insist, messages)) == {PKIStatus.SUCCESS}
    assert shed
    assert all(5 <= int(seconds) <= 15 for seconds in shed)
    assert sorted(record["device"] for record in small_host.records()) == sorted(names)


def test_a_source_is_limited_whatever_it_says_of_itself(tmp_path: Path) -> None:
    with Azurite.start(in_memory=True) as azurite:
        site = Site.make(tmp_path, azurite.connection_string)
        with site.running(environment={"SCEPTER_SOURCE_RATE": "2/hour"}) as host:
            message = enrolment(host, "CN=dev", host.challenge("CN=dev", device="dev"))
            answers = [post(host, message, **{"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(4)]
            assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
            assert int(answers[-1].headers["retry-after"]) >= 1
            assert host.http.get("/scep/device?operation=GetCACaps").status_code == 200
