"""`manage.py scep` as its user starts it: against our own host, and against micromdm's server."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.e2e.command_line import Ended, run
from tests.e2e.host import Host
from tests.e2e.micromdm import scepserver

CHALLENGE = secrets.token_hex(16)


@pytest.fixture(scope="module")
def micromdm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with scepserver(tmp_path_factory.mktemp("micromdm"), CHALLENGE) as url:
        yield url


def outcomes(ended: Ended) -> dict[str, str]:
    return {step["step"]: step["outcome"] for step in ended.json}


@pytest.mark.host
def test_our_own_host_passes_every_step(host: Host) -> None:
    name = f"try-{secrets.token_hex(4)}"
    subject, san = f"CN={name}", f"dns:{name}.example.org"
    command = ("scep", "test", host.scep(), "--subject", subject, "--san", san)
    challenge = {"SCEP_CHALLENGE": host.challenge(subject, sans=[san], device=name)}
    ended = run(*command, "--json", environment=challenge)
    assert outcomes(ended) == {"GetCACaps": "ok", "GetCACert": "ok", "enrol": "ok", "renew": "ok"}
    assert len(host.records(owner=f"device:{name}")) == 2
    table = run("scep", "test", host.scep(), "--no-enrol")
    assert table.code == 0, table.said
    assert "GetCACaps" in table.said
    assert "remedy" in table.said


@pytest.mark.host
def test_our_own_host_says_why_it_refuses(host: Host) -> None:
    refused = run("scep", "test", host.scep(), "--challenge", "wrong", "--json")
    assert refused.code == 1
    assert "The challenge was not accepted." in refused.output
    legacy = run("scep", "test", host.scep(), "--legacy", "--json")
    assert legacy.code == 1
    assert "BAD_ALG" in legacy.output


@pytest.mark.client
def test_micromdm_enrols_and_renews_and_its_faults_are_told(micromdm: str) -> None:
    command = ("scep", "test", micromdm, "--subject", "CN=dev1,O=Example", "--san", "dns:dev1.example.org")
    ended = run(*command, "--challenge", CHALLENGE, "--json")
    assert outcomes(ended) == {"GetCACaps": "ok", "GetCACert": "ok", "enrol": "warning", "renew": "warning"}
    assert "sealing to the CA" in ended.json[1]["seen"]
    assert "des-cbc can be broken" in ended.json[2]["remedy"]  # it answers so whatever it is asked with
    assert "renewal wants the challenge" in ended.json[3]["seen"]


@pytest.mark.client
@pytest.mark.parametrize("more", [(), ("--legacy", "--no-renew")], ids=["sound", "legacy"])
def test_micromdm_refuses_a_wrong_challenge(micromdm: str, more: tuple[str, ...]) -> None:
    refused = run("scep", "test", micromdm, "--challenge", "wrong", *more)
    assert refused.code == 1
    assert "BAD_REQUEST" in refused.said
    enrolled = run("scep", "test", micromdm, "--challenge", CHALLENGE, *more)
    assert enrolled.code == 0, enrolled.said


@pytest.mark.client
def test_enrol_writes_what_micromdm_issued(micromdm: str, tmp_path: Path) -> None:
    command = ("scep", "enrol", micromdm, "--subject", "CN=dev2", "--challenge", CHALLENGE)
    ended = run(*command, folder=tmp_path)
    assert ended.code == 0, ended.said
    leaf = x509.load_pem_x509_certificate((tmp_path / "device.pem").read_bytes())
    assert leaf.subject.rfc4514_string() == "CN=dev2"
    assert b"PRIVATE KEY" in (tmp_path / "device.key").read_bytes()
