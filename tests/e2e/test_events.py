"""Wiped means revoked, through the whole host: webhooks, the brake, faulty messages, and the commands for them."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha1, sha256
from pathlib import Path
from typing import Any

import pytest
from azure.storage.queue import QueueClient, TextBase64EncodePolicy

from commands.event import send_event
from shared.x509.crl import parse_crl
from tests.e2e.command_line import manage
from tests.e2e.host import Host
from tests.e2e.messages import enrolment

pytestmark = pytest.mark.host


def enrol(host: Host, device: str) -> str:
    """The serial of a fresh certificate of `device`."""
    reply = enrolment(host, f"CN={device}", host.challenge(f"CN={device}", device=device)).post(host)
    return reply.certificates[0].serial_hex


def event(kind: str, device: str, **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    usual = {"id": secrets.token_hex(8), "type": kind, "occurredAt": now, "device": {"id": device}}
    return usual | changes


def tell(host: Host, content: dict[str, Any], source: str = "generic") -> None:
    secret = host.site.values[f"SCEPTER_EVENT_SECRETS__{source.upper()}"]
    assert send_event(host.url, secret, source, json.dumps(content).encode()) == "Accepted."


def wait(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def status(host: Host, serial: str) -> str:
    return str(host.manage("GET", f"certificates/{serial}")["status"])


def fresh() -> str:
    return f"device-{secrets.token_hex(4)}"


def test_a_wiped_device_is_revoked_and_listed(host: Host) -> None:
    device = fresh()
    serial, other = enrol(host, device), enrol(host, fresh())
    tell(host, event("wiped", device))
    wait(lambda: status(host, serial) == "revoked")
    assert status(host, other) == "good"

    def listed() -> bool:
        crl = parse_crl(host.http.get(f"/crl/{host.site.issuer}.crl").content)
        return crl.find(serial) is not None

    wait(listed)
    rows = manage(host, "event", "list", "--source", "generic", "--limit", "1000", "--json").json
    (row,) = [row for row in rows if row["owner"] == f"device:{device}"]
    assert (row["state"], row["revoked"]) == ("applied", 1)


def test_disabled_and_enabled(host: Host) -> None:
    device = fresh()
    serial = enrol(host, device)
    tell(host, event("disabled", device, occurredAt="2026-01-01T00:00:00Z"))
    tell(host, event("enabled", device))
    tell(host, event("disabled", device))
    wait(lambda: status(host, serial) == "held")


def test_a_preview_and_an_event_by_hand(host: Host, tmp_path: Path) -> None:
    device = fresh()
    serial = enrol(host, device)
    file = tmp_path / "event.json"
    file.write_text(json.dumps(event("lost", device)))
    answer = manage(host, "event", "preview", str(file), "--json").json
    assert [(each["serial"], each["act"], each["reason"]) for each in answer["effects"]] == [
        (serial, "revoke", "keyCompromise")
    ]
    assert status(host, serial) == "good"
    assert "Would be 1 revoked" in manage(host, "event", "preview", str(file)).said
    assert manage(host, "event", "send", str(file)).said == "Accepted."
    wait(lambda: status(host, serial) == "revoked")
    file.write_text("{}")
    manage(host, "event", "send", str(file)).assert_refused("400", "type")


def test_the_brake_parks_and_an_administrator_decides(host: Host) -> None:
    devices = [fresh() for _ in range(5)]
    serials = [enrol(host, device) for device in devices]
    for device in devices:
        tell(host, event("wiped", device), "narrow")

    def parked() -> list[Any]:
        found: list[Any] = manage(host, "revocation", "parked", "list", "--source", "narrow", "--json").json
        return found

    wait(lambda: len(parked()) == 3)
    assert [status(host, serial) for serial in serials].count("revoked") == 2
    sick = manage(host, "health")
    assert (sick.code, "3 events of narrow" in sick.said) == (1, True)
    assert (
        "Nothing is parked" in manage(host, "revocation", "parked", "release", "--source", "x", "--yes").said
    )
    assert (
        "3 events are on their way"
        in manage(host, "revocation", "parked", "release", "--source", "narrow", "--yes").said
    )
    wait(lambda: [status(host, serial) for serial in serials] == ["revoked"] * 5)
    assert parked() == []


def test_a_faulty_message_is_found_and_driven_back(host: Host) -> None:
    queue = QueueClient.from_connection_string(
        host.site.storage, "device-events", message_encode_policy=TextBase64EncodePolicy()
    )
    device = fresh()
    serial = enrol(host, device)
    good = event("wiped", device)
    good["occurredAt"] = "2099-01-01T00:00:00Z"
    queue.send_message(json.dumps(good))
    queue.send_message("no JSON at all")

    def poisoned() -> int:
        rows = manage(host, "queue", "list", "--json").json
        return next(int(row["poison"]) for row in rows if row["name"] == "device-events")

    wait(lambda: poisoned() == 2)
    assert "2099-01-01" in manage(host, "queue", "peek", "device-events").said
    assert manage(host, "health").code == 1
    driven = manage(host, "queue", "redrive", "device-events", "--json").json
    assert driven == {"moved": 1, "stuck": 1}
    wait(lambda: poisoned() == 2)  # its cause is not mended: it is here again, and not lost
    assert status(host, serial) == "good"
    manage(host, "queue", "redrive", "nobody").assert_refused("404", "crl-requests, device-events")


def test_certificates_are_revoked_by_owner_thumbprint_and_file(host: Host, tmp_path: Path) -> None:
    device, other, third = fresh(), fresh(), fresh()
    first, second = enrol(host, device), enrol(host, device)
    dry = manage(host, "cert", "revoke", "--device", device, "--dry-run", "--json").json
    assert sorted(row["serial"] for row in dry) == sorted([first, second])
    assert status(host, first) == "good"
    done = manage(host, "cert", "revoke", "--device", device.upper(), "--reason", "affiliationChanged")
    assert done.said.count("is revoked") == 2
    by_thumbprint, by_file = enrol(host, other), enrol(host, third)
    record = host.manage("GET", f"certificates/{by_thumbprint}")
    der = base64.b64decode(record["certificate"])
    assert (
        "is held"
        in manage(
            host, "cert", "revoke", "--thumbprint", sha1(der).hexdigest(), "--reason", "certificateHold"
        ).said
    )
    assert (
        "is revoked" in manage(host, "cert", "revoke", "--thumbprint", sha256(der).hexdigest().upper()).said
    )
    listing = tmp_path / "revoke.csv"
    listing.write_text(f"serial,device,reason\n{by_file},,superseded\n,nobody-here,\n{'0' * 38},,\n")
    mixed = manage(host, "cert", "revoke", "--file", str(listing), "--json")
    rows = json.loads(mixed.output)
    assert mixed.code == 1
    assert [(row["line"], row["status"], bool(row["error"])) for row in rows] == [
        (2, "revoked", False),
        (3, "", True),
        (4, "", True),
    ]
    assert host.manage("GET", f"certificates/{by_file}")["revocation"]["reason"] == "superseded"
    listing.write_text("serial,colour\n1,2\n")
    assert "has to name columns out of" in manage(host, "cert", "revoke", "--file", str(listing)).said
    manage(host, "cert", "revoke").assert_refused("400", "one of serial, thumbprint and owner")


def test_all_is_well_on_a_fresh_morning(host: Host) -> None:
    report = json.loads(manage(host, "health", "--json").output)
    subjects = {finding["subject"] for finding in report["findings"]}
    assert {"queue crl-requests", "queue device-events", "brake", "CRL", "issuing CA", "SCEP RA"} <= subjects
    assert {finding["level"] for finding in report["findings"] if finding["subject"] == "CRL"} == {"ok"}
