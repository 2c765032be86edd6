"""Enrolments that wait for an administrator: with real clients, and with `manage.py` as its user starts it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.scep.message import PKIStatus
from tests.e2e import certmonger
from tests.e2e.command_line import Ended, manage
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.pending import wait_for_request
from tests.e2e.relying_party import RelyingParty
from tests.e2e.strongswan import Answer, StrongSwan

pytestmark = pytest.mark.host

POLLING = ("--interval", "1", "--maxpolltime", "20")
APPROVED = "sealed:demo approved:local administrator"


def vouchers(host: Host, device: str) -> list[str]:
    return [record["vouchedBy"] for record in host.records(owner=f"device:{device}")]


@contextmanager
def swan_that_waits(host: Host, folder: Path) -> Iterator[tuple[StrongSwan, Future[Answer]]]:
    """A strongSwan that polls every second, until the block is left."""
    client = StrongSwan(folder, host.scep("approved"), f"swan-{secrets.token_hex(4)}")
    assert client.fetch_ca().code == 0
    names = {"sans": client.sans, "device": client.name}
    challenge = host.challenge(client.subject, profile="approved", **names)
    with ThreadPoolExecutor(1) as threads:
        yield client, threads.submit(client.enrol, challenge, *POLLING)


@pytest.mark.client
def test_strongswan_polls_until_it_is_approved(host: Host, tmp_path: Path) -> None:
    with swan_that_waits(host, tmp_path) as (client, outcome):
        request = wait_for_request(host, client.subject)
        assert sorted(request["sans"]) == sorted(client.sans)
        listed = manage(host, "request", "list")
        assert request["id"] in listed.said
        approved = manage(host, "request", "approve", request["id"], "--note", "seen in person")
        assert f"{request['id']} is approved by local administrator" in approved.said
        certificate = outcome.result().certificate
    RelyingParty(tmp_path, host.http, host.site.ca.certificate("root")).accepts(certificate)
    assert vouchers(host, client.name) == [APPROVED]
    assert client.renew(certificate).code == 0, "a renewal waits for nobody"
    assert sorted(vouchers(host, client.name)) == [f"renewal:{certificate.serial_hex}", APPROVED]


@pytest.mark.client
def test_strongswan_is_told_that_it_is_denied(host: Host, tmp_path: Path) -> None:
    with swan_that_waits(host, tmp_path) as (client, outcome):
        request = wait_for_request(host, client.subject)
        denied = manage(host, "request", "deny", request["id"])
        assert f"{request['id']} is denied" in denied.said
        refused = outcome.result()
    assert refused.code != 0
    assert "badRequest" in refused.said
    assert vouchers(host, client.name) == []


@pytest.mark.client
def test_certmonger_waits_and_asks_again_when_it_is_told_to(host: Host, tmp_path: Path) -> None:
    name = f"monger-{secrets.token_hex(4)}"
    subject, dns = f"O=Probe,CN={name}", f"{name}.example.org"
    challenge = host.challenge(subject, profile="approved", sans=[f"dns:{dns}"], device=name)
    with certmonger.running(tmp_path) as client:
        client.add_ca(name, host.scep("approved"))
        client.request(name, challenge, subject=f"CN={name},O=Probe", dns=dns)
        request = wait_for_request(host, subject)
        client.await_words(name, "status: CA_WORKING\n")
        host.manage("PUT", f"requests/{request['id']}", {"decision": "approve"})
        client.refresh(name)
        certificate = client.certificate(name)
    RelyingParty(tmp_path, host.http, host.site.ca.certificate("root")).accepts(certificate)
    assert vouchers(host, name) == [APPROVED]


@pytest.fixture
def device(host: Host) -> str:
    """The name of a device whose request waits."""
    name = f"cli-{secrets.token_hex(4)}"
    challenge = host.challenge(f"CN={name}", profile="approved", device=name)
    reply = enrolment(host, f"CN={name}", challenge, transaction_id=name).post(host, "approved")
    assert reply.status is PKIStatus.PENDING
    return name


def rows(ended: Ended, device: str) -> list[str]:
    """The states of a device's requests."""
    return [row["state"] for row in ended.json if row["device"] == device]


def test_decisions_are_made_and_listed(host: Host, device: str) -> None:
    identifier = wait_for_request(host, f"CN={device}")["id"]
    everything = ("request", "list", "--all", "--profile", "approved", "--json")
    assert rows(manage(host, "request", "list", "--json"), device) == ["pending"]
    decided = manage(host, "request", "approve", identifier, "--note", "by phone", "--json").json
    assert [row["verdict"]["note"] for row in decided] == ["by phone"]
    assert rows(manage(host, "request", "list", "--json"), device) == []
    assert rows(manage(host, *everything), device) == ["approved"]
    assert manage(host, "request", "list", "--profile", "device", "--json").json == []


def test_a_denial_that_comes_too_late_says_what_to_revoke(host: Host) -> None:
    name = f"late-{secrets.token_hex(4)}"
    challenge = host.challenge(f"CN={name}", profile="approved", device=name)
    message = enrolment(host, f"CN={name}", challenge, transaction_id=name)
    assert message.post(host, "approved").status is PKIStatus.PENDING
    identifier = wait_for_request(host, f"CN={name}")["id"]
    assert manage(host, "request", "approve", identifier).code == 0
    issued = message.post(host, "approved").certificates[0]
    denied = manage(host, "request", "deny", identifier)
    assert f"python manage.py cert revoke {issued.serial_hex}" in denied.said


def test_what_does_not_wait_and_who_may_not_decide_is_told(host: Host, device: str) -> None:
    identifier = wait_for_request(host, f"CN={device}")["id"]
    manage(host, "request", "approve", "approved.0").assert_refused("404", "No such request is waiting.")
    manage(host, "request", "deny", "../certificates/x").assert_refused("404")
    wrong = manage(host, "request", "approve", identifier, SCEPTER_MANAGEMENT_KEY="a-wrong-key")
    wrong.assert_refused("403", "Not authorised")
    assert rows(manage(host, "request", "list", "--json"), device) == ["pending"]
