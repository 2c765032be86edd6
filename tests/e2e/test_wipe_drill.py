"""A thousand devices wiped at once, with the host killed in the middle: nothing is lost, and the CRLs are few."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from local.azurite import Azurite
from shared.devices.signature import sign
from shared.x509.crl import parse_crl
from tests.e2e.fleet import FleetOfRecord, fleet
from tests.e2e.host import Host
from tests.e2e.site import Site

pytestmark = [pytest.mark.host, pytest.mark.long]

DEVICES, AT_ONCE = 1000, 8
LEASE = {"LOCAL_QUEUE_LEASE_SECONDS": "5"}


def wiped(device: str) -> bytes:
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    return json.dumps(
        {"id": f"wipe-{device}", "type": "wiped", "occurredAt": now, "device": {"id": device}}
    ).encode()


def post_all(host: Host, devices: list[str]) -> list[float]:
    """Every webhook, some at a time; seconds until each was accepted."""
    secret = host.site.values["SCEPTER_EVENT_SECRETS__GENERIC"]

    def post(device: str) -> float:
        body, now = wiped(device), int(time.time())
        headers = {"webhook-id": device, "webhook-timestamp": str(now)}
        headers["webhook-signature"] = sign(secret, device, now, body)
        start = time.perf_counter()
        while True:
            answer = client.post(f"{host.url}/events/generic", content=body, headers=headers)
            if (
                answer.status_code != 503
            ):  # storage is slow on a busy machine: a sender comes again when it is told to
                break
            time.sleep(int(answer.headers["Retry-After"]))
        assert answer.status_code == 202, answer.text
        return time.perf_counter() - start

    with httpx.Client(timeout=60, trust_env=False) as client, ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(post, devices))


def until_revoked(devices: FleetOfRecord, count: int, seconds: float) -> float:
    start = time.monotonic()
    while devices.revoked() < count:
        assert time.monotonic() - start < seconds, f"{devices.revoked()} of {count} are revoked"
        time.sleep(1)  # each look reads them all
    return time.monotonic() - start


def until_listed(host: Host, devices: FleetOfRecord, seconds: float) -> float:
    start = time.monotonic()
    while True:
        crl = parse_crl(host.http.get(f"/crl/{host.site.issuer}.crl").content)
        if {entry.serial_hex for entry in crl.entries()} >= set(devices.serials.values()):
            return time.monotonic() - start
        assert time.monotonic() - start < seconds
        time.sleep(0.25)


def test_a_thousand_wipes_and_a_host_that_dies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Azurite.start(in_memory=True) as azurite:
        site = Site.make(tmp_path, azurite.connection_string)
        site.let(SCEPTER_BRAKE_DEVICES="5000")
        with fleet(site, DEVICES) as devices:
            with site.running(environment=LEASE) as host:
                start = time.monotonic()
                accepted = sorted(post_all(host, list(devices.serials)))
                posted = time.monotonic() - start
                until_revoked(devices, DEVICES // 5, 300)
                os.kill(host.process.pid, signal.SIGKILL)
                host.wait_until_killed()
            at_the_kill = devices.revoked()
            with site.running(environment=LEASE) as host:
                rest = until_revoked(devices, DEVICES, 300)
                listed = until_listed(host, devices, 60)
                took = time.monotonic() - start
                numbers = set(re.findall(r"CRL (\d+) of", host.output()))
    assert at_the_kill < DEVICES, "the kill came too late to show anything"
    assert len(numbers) < 5 + took / 2, "CRLs follow the seconds that it takes, not the devices"
    usual, slow = (1000 * accepted[int(share * DEVICES)] for share in (0.5, 0.95))
    report = (
        f"{DEVICES} wipes accepted in {posted:.1f} s, {AT_ONCE} at a time (p50 {usual:.0f} ms, p95 {slow:.0f} ms); "
        f"killed when {at_the_kill} were revoked; the rest {rest:.1f} s after the next host began; "
        f"on the CRL {listed:.1f} s later; {len(numbers)} CRLs signed in {took:.0f} s"
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
