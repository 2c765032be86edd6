"""`manage.py` as its user starts it: against a running host, with a wrong key, and with nobody there."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from shared.policy.profiles import Profiles
from shared.scep.message import PKIStatus
from tests.e2e.command_line import manage, run, started
from tests.e2e.host import Host
from tests.e2e.messages import enrolment
from tests.e2e.site import POLICY
from tests.ports import free_port

pytestmark = pytest.mark.host


@pytest.fixture
def serial(host: Host) -> str:
    """The serial of a fresh certificate, of a device of its own."""
    name = f"cli-{secrets.token_hex(4)}"
    reply = enrolment(host, f"CN={name}", host.challenge(f"CN={name}", device=name)).post(host)
    return reply.certificates[0].serial_hex


def test_it_is_the_same_for_who_starts_it(host: Host, serial: str) -> None:
    for order in (("cert", "show", serial, "--json"), ("cert", "show", "00")):
        by_hand, forked = started(host, *order), manage(host, *order)
        assert (by_hand.code, by_hand.output, by_hand.said) == (forked.code, forked.output, forked.said)


def test_a_minted_challenge_enrols(host: Host) -> None:
    subject = f"CN=minted-{secrets.token_hex(4)}"
    order = ("challenge", "mint", "device", "--subject", subject, "--device", "minted")
    plain, document = manage(host, *order), manage(host, *order, "--json")
    assert plain.output == plain.output.strip() + "\n"
    assert {"challenge", "id", "expires_at"} == set(document.json)
    for number, challenge in enumerate((plain.output.strip(), document.json["challenge"])):
        reply = enrolment(host, subject, challenge, number=number).post(host)
        assert reply.status is PKIStatus.SUCCESS


def test_the_scep_client_enrols_and_is_told_why_not(host: Host, tmp_path: Path) -> None:
    subject = f"CN=own-{secrets.token_hex(4)}"
    command = ("scep", "enrol", host.scep(), "--subject", subject, "--out", "device")
    enrolled = run(*command, environment={"SCEP_CHALLENGE": host.challenge(subject)}, folder=tmp_path)
    assert enrolled.code == 0, enrolled.said
    assert (tmp_path / "device.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "device.pem").read_text().count("BEGIN CERTIFICATE") == 2
    run(*command, environment={"SCEP_CHALLENGE": "wrong"}, folder=tmp_path).assert_refused("BAD_REQUEST")
    run("scep", "enrol", host.scep("none"), "--subject", subject).assert_refused("404", "No such profile.")


def test_an_order_that_is_refused_says_why_in_full(host: Host) -> None:
    order = ("challenge", "mint", "device", "--subject", "CN=x", "--san", "dns:x.example.net")
    manage(host, *order).assert_refused("403", "x.example.net", r"[a-z0-9-]+\.example\.org")


def test_certificates_are_listed_and_shown(host: Host, serial: str) -> None:
    shown = manage(host, "cert", "show", serial, "--json").json[0]
    assert (shown["serial"], shown["status"], shown["vouchedBy"]) == (serial, "good", "sealed:demo")
    owner = f"device:{shown['device']}"
    listed = manage(host, "cert", "list", "--owner", owner, "--json").json
    assert [record["serial"] for record in listed] == [serial]
    assert "1 certificates" in manage(host, "cert", "list", "--owner", owner).said
    assert serial in manage(host, "cert", "show", serial).said


def test_a_certificate_is_held_lifted_and_revoked_and_the_crl_says_so(host: Host, serial: str) -> None:
    hold = ("cert", "revoke", serial, "--reason", "certificateHold")
    assert f"{serial} is held" in manage(host, *hold).said
    assert f"{serial} is good" in manage(host, "cert", "lift", serial).said
    assert f"{serial} is revoked" in manage(host, "cert", "revoke", serial, "--note", "stolen").said
    assert "is published" in manage(host, "crl", "publish").said
    location = f"{host.url}/crl/{host.site.issuer}.crl"
    assert serial in [entry["serial"] for entry in run("crl", "show", location, "--json").json]
    assert "entries, next update" in run("crl", "show", location).said
    manage(host, "cert", "lift", serial).assert_refused("403")


def test_what_the_host_refuses_is_told_in_its_words(host: Host, serial: str) -> None:
    manage(host, "cert", "show", "00" * 19).assert_refused("404", "not known")
    manage(host, "cert", "revoke", serial, "--reason", "boredom").assert_refused("403")


@pytest.mark.parametrize(
    "command",
    [("cert", "list"), ("cert", "revoke", "00" * 19), ("crl", "publish")],
    ids=["list", "revoke", "publish"],
)
def test_a_wrong_key_is_told(host: Host, command: tuple[str, ...]) -> None:
    refused = manage(host, *command, SCEPTER_MANAGEMENT_KEY="a-wrong-key")
    refused.assert_refused("403", "Not authorised for the management API.")
    assert "a-wrong-key" not in refused.said


def test_a_wrong_secret_of_a_caller_is_told(host: Host) -> None:
    order = ("challenge", "mint", "device", "--subject", "CN=x")
    refused = manage(host, *order, SCEPTER_CALLER_SECRETS__DEMO="a-wrong-secret-of-this-caller")
    refused.assert_refused("403", "caller")
    assert "a-wrong-secret" not in refused.said


@pytest.mark.parametrize(
    "command",
    [("cert", "list"), ("crl", "publish"), ("challenge", "mint", "device", "--subject", "CN=x")],
    ids=["list", "publish", "mint"],
)
def test_a_host_that_does_not_run_is_told(command: tuple[str, ...]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    environment = {"SCEPTER_CALLER_SECRETS__DEMO": "the-secret-of-this-caller"}
    refused = run(*command, "--url", url, environment=environment)
    refused.assert_refused(url, "is it running?")


def test_a_crl_that_is_not_there_is_told(host: Host) -> None:
    run("crl", "show", f"{host.url}/crl/{'0' * 16}.crl").assert_refused("404")
    run("crl", "show", f"{host.url}/ca/{host.site.issuer}.cer").assert_refused("no CRL")
    run("crl", "show", f"http://127.0.0.1:{free_port()}/x.crl").assert_refused("does not answer")


def test_the_policy_file_is_checked(tmp_path: Path) -> None:
    count = len(Profiles.load(POLICY).profiles)
    assert f"{count} profiles" in run("profile", "check", str(POLICY)).said
    lines = POLICY.read_text("utf-8").splitlines()
    line = lines.index("validity = 90")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text("\n".join([*lines[:line], "validity = 0", *lines[line + 1 :]]), "utf-8")
    run("profile", "check", str(wrong)).assert_refused(f"{wrong}:{line + 1}: profiles.shared.validity")


def test_the_ca_is_shown(host: Host) -> None:
    settings = ("--settings", str(host.site.settings))
    rows = {row["role"]: row for row in run("ca", "show", *settings, "--json").json}
    assert (rows["issuing"]["id"], rows["root"]["id"]) == (host.site.issuer, host.site.root)
    assert "SCEP RA" in run("ca", "show", *settings).said
    missing = run("ca", "show", "--folder", str(host.site.folder / "nowhere"))
    missing.assert_refused("issuing.pem")
