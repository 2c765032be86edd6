"""Three times as many devices as the vault allows, for a minute, at two workers: sent away with a time, then served."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from local.azurite import Azurite
from shared.scep.message import PKIStatus
from tests.e2e.host import Host
from tests.e2e.messages import Message, enrolment
from tests.e2e.vault_site import VaultSite
from tests.vault.limiter import Limiter
from tests.vault.server import FakeVault

pytestmark = [pytest.mark.host, pytest.mark.long, pytest.mark.timeout(900)]

ALLOWED = 40  # operations in ten seconds
DOCUMENTED = 2000  # for a P-256 key in an HSM; the share makes of it what this vault allows
WORKERS = 2
LONGEST_ANSWER = 20  # seconds: eight of patience, and a machine that is busy with all of this


@dataclass
class Crowd:
    """Devices that come one after the other in `seconds`, at one worker and the other, until each is served."""

    hosts: list[Host]
    messages: list[Message]
    seconds: float
    answers: Counter[int] = field(default_factory=Counter)
    pauses: list[int] = field(default_factory=list)
    served_at: list[float] = field(default_factory=list)
    longest: float = 0.0

    async def run(self) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=64)
        async with httpx.AsyncClient(timeout=30, trust_env=False, limits=limits) as http:
            await asyncio.gather(*(self._device(http, number) for number in range(len(self.messages))))

    async def _device(self, http: httpx.AsyncClient, number: int) -> None:
        await asyncio.sleep(number * self.seconds / len(self.messages))
        message, attempt = self.messages[number], 0
        while True:
            host = self.hosts[(number + attempt) % len(self.hosts)]
            asked = time.monotonic()
            answer = await http.post(f"{host.url}/scep/device?operation=PKIOperation", content=message.der)
            self.longest = max(self.longest, time.monotonic() - asked)
            self.answers[answer.status_code] += 1
            if answer.status_code != 503:
                break
            self.pauses.append(int(answer.headers["retry-after"]))
            await asyncio.sleep(self.pauses[-1])
            attempt += 1
        self.served_at.append(time.monotonic())
        assert message.read(answer.content).status is PKIStatus.SUCCESS


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VaultSite]:
    folder = tmp_path_factory.mktemp("drill")
    with FakeVault(folder) as vault, Azurite.start(in_memory=True) as azurite:
        yield VaultSite.make(folder / "site", azurite.connection_string, vault)


def crowd(hosts: list[Host], name: str, devices: int, seconds: float) -> Crowd:
    names = [f"{name}-{number}" for number in range(devices)]
    messages = [
        enrolment(hosts[0], f"CN={each}", hosts[0].challenge(f"CN={each}", device=each)) for each in names
    ]
    return Crowd(hosts, messages, seconds)


def throughput(limiter: Limiter, beginning: float, end: float) -> float:
    """Operations in ten seconds between two moments."""
    return sum(beginning <= at < end for at in limiter.served) / (end - beginning) * 10


def told(limiter: Limiter, drilled: Crowd, started: float, rate: float) -> None:
    print(  # noqa: T201 - the figures of the drill
        f"\n{len(drilled.messages)} devices in {drilled.served_at[-1] - started:.0f} s, {dict(drilled.answers)}, "
        f"{rate:.1f} of {limiter.operations} in ten seconds, 429: {limiter.refused}, "
        f"longest answer {drilled.longest:.1f} s, Retry-After {min(drilled.pauses)} to {max(drilled.pauses)} s"
    )


def test_a_vault_that_allows_a_third_of_what_is_asked_for(site: VaultSite) -> None:
    share = 0.95 * ALLOWED / DOCUMENTED
    with site.hosts(WORKERS, SCEPTER_VAULT_SHARE=f"{share:.4f}", SCEPTER_VAULT_WORKERS=str(WORKERS)) as hosts:
        drilled = crowd(hosts, "crowd", 3 * ALLOWED * 6, 60)
        limiter = site.vault.limiter = Limiter(ALLOWED)
        started = time.monotonic()
        asyncio.run(drilled.run())
        site.vault.limiter = None
    busy_until = sorted(drilled.served_at)[len(drilled.messages) * 85 // 100]
    rate = throughput(limiter, started, busy_until)
    told(limiter, drilled, started, rate)
    assert set(drilled.answers) == {200, 503}
    assert drilled.answers[200] == len(drilled.messages)
    assert min(drilled.pauses) >= 1
    assert 0.9 * ALLOWED <= rate <= ALLOWED
    assert drilled.longest < LONGEST_ANSWER
    assert limiter.refused <= 5


def test_workers_that_know_nothing_of_the_limit_find_it_by_themselves(site: VaultSite) -> None:
    """As if there were fifty times as many workers as the settings say."""
    with site.hosts(WORKERS) as hosts:
        drilled = crowd(hosts, "unaware", 3 * ALLOWED * 2, 20)
        limiter = site.vault.limiter = Limiter(ALLOWED)
        started = time.monotonic()
        asyncio.run(drilled.run())
        site.vault.limiter = None
    rate = throughput(limiter, started, sorted(drilled.served_at)[len(drilled.messages) * 85 // 100])
    told(limiter, drilled, started, rate)
    assert set(drilled.answers) == {200, 503}
    assert drilled.answers[200] == len(drilled.messages)
    assert drilled.longest < LONGEST_ANSWER
    assert rate >= 0.6 * ALLOWED
    assert limiter.refused <= len(limiter.served) / 2
