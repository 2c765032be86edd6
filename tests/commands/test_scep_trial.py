"""`scep test` against a server that is right, and against every wrong one that its remedies know."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from commands.scep_device import Device
from commands.scep_server import ServerProblem, http_client
from commands.scep_trial import Plan, Step, Trial
from fakes.tls import tls_server
from shared.asn1.pem import pem
from shared.policy.profiles import Profiles
from shared.scep.capabilities import ca_certificates
from tests.commands.scripted_server import Answer, ScriptedServer, serving
from tests.scep.authority import POLICY, World

SUBJECT, SANS = "CN=dev1,O=Example", ("dns:dev1.example.org",)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    world = World()
    world.profiles = Profiles.parse(POLICY.replace('renewal_window = "50%"', 'renewal_window = "100%"'))
    with serving(ScriptedServer(world)) as running:
        yield running


def trial(
    server: ScriptedServer, *, legacy: bool = False, challenge: str | None = None, **plan: object
) -> list[Step]:
    """The steps of an enrolment with a good challenge unless one is given."""
    given = server.world.challenge(SUBJECT, sans=SANS) if challenge is None else challenge
    slept: list[float] = []
    with http_client() as http:
        device = Device(server.url, http, legacy=legacy, clock=lambda: server.world.now)
        return list(Trial(device, Plan(SUBJECT, SANS, given, **plan), slept.append).run())  # type: ignore[arg-type]


def outcomes(steps: list[Step]) -> dict[str, str]:
    return {step.step: step.outcome for step in steps}


def says(body: bytes, media_type: str, status: int = 200, **headers: str) -> Callable[[bytes], Answer]:
    return lambda _: Answer(body, media_type, status, headers)


def test_a_good_server_passes_every_step(server: ScriptedServer) -> None:
    steps = trial(server)
    assert outcomes(steps) == {"GetCACaps": "ok", "GetCACert": "ok", "enrol": "ok", "renew": "ok"}
    assert all(step.seen and not step.remedy for step in steps)
    assert "aes-128-cbc" in steps[2].seen
    assert server.asked[-1] == ("POST", "PKIOperation")


def test_steps_are_left_out_where_asked(server: ScriptedServer) -> None:
    assert outcomes(trial(server, renew=False))["renew"] == "skipped"
    assert list(outcomes(trial(server, enrol=False))) == ["GetCACaps", "GetCACert"]


def test_a_wrong_challenge_is_refused_with_the_words_of_the_server(server: ScriptedServer) -> None:
    enrolled = trial(server, challenge="wrong")[-1]
    assert (enrolled.step, enrolled.outcome) == ("enrol", "refused")
    assert "BAD_REQUEST The challenge was not accepted." in enrolled.seen
    assert "--challenge" in enrolled.remedy


def test_what_is_pending_is_polled_until_it_comes(server: ScriptedServer) -> None:
    server.pending = 3
    steps = trial(server, renew=False, poll_interval=0.1, poll_seconds=5)
    assert outcomes(steps) == {
        "GetCACaps": "ok",
        "GetCACert": "ok",
        "enrol": "ok",
        "poll": "ok",
        "renew": "skipped",
    }
    assert steps[2].seen == "PENDING"


def test_what_stays_pending_is_told(server: ScriptedServer) -> None:
    server.pending = 1000
    polled = trial(server, poll_interval=1, poll_seconds=0.5)[-1]
    assert (polled.step, polled.outcome) == ("poll", "pending")
    assert "1 CertPoll" in polled.seen
    assert "--poll-seconds" in polled.remedy


def test_get_is_used_where_the_server_takes_no_post(server: ScriptedServer) -> None:
    server.says["GetCACaps"] = says(b"AES\nSHA-256\nRenewal", "text/plain")
    steps = trial(server)
    assert outcomes(steps) == {"GetCACaps": "warning", "GetCACert": "ok", "enrol": "ok", "renew": "ok"}
    assert ("POST", "PKIOperation") not in server.asked
    assert "no POSTPKIOperation" in steps[0].seen


def test_renewal_is_not_tried_where_it_is_not_advertised(server: ScriptedServer) -> None:
    server.says["GetCACaps"] = says(b"SCEPStandard", "text/plain")
    assert outcomes(trial(server))["renew"] == "skipped"


@pytest.mark.parametrize(
    ("body", "media_type", "words"),
    [
        (b"\xef\xbb\xbfSCEPStandard\r\nRenewal\r\n", "text/plain", "byte order mark"),
        (b'["AES", "SHA-256", "POSTPKIOperation"]', "application/json", "JSON"),
        (b"AES, SHA-256, POSTPKIOperation", "text/plain", "commas"),
        (b"SCEPStandard", "text/html", "text/html"),
    ],
)
def test_capabilities_in_a_wrong_form_are_read_and_told(
    server: ScriptedServer, body: bytes, media_type: str, words: str
) -> None:
    server.says["GetCACaps"] = says(body, media_type)
    steps = trial(server)
    assert steps[0].outcome == "warning"
    assert words in steps[0].seen
    assert steps[0].remedy
    assert outcomes(steps)["enrol"] == "ok"


def test_a_server_of_old_algorithms_needs_the_legacy_switch(server: ScriptedServer) -> None:
    server.says["GetCACaps"] = says(b"DES3\nSHA-1\nPOSTPKIOperation", "text/plain")
    modern = trial(server)
    assert outcomes(modern) == {"GetCACaps": "failed", "GetCACert": "ok"}
    assert "--legacy" in modern[0].remedy
    refused = trial(server, legacy=True)[-1]  # this CA's profile does not allow them
    assert (refused.step, refused.outcome) == ("enrol", "refused")
    assert "BAD_ALG" in refused.seen


def test_without_capabilities_the_legacy_switch_goes_on_by_get(server: ScriptedServer) -> None:
    server.says["GetCACaps"] = says(b"not here", "text/plain", 404)
    assert outcomes(trial(server)) == {"GetCACaps": "failed", "GetCACert": "ok"}
    assert outcomes(trial(server, legacy=True))["GetCACaps"] == "warning"
    assert server.asked[-1] == ("GET", "PKIOperation")


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (302, {"Location": "http://elsewhere.example.org/"}, "use that address"),
        (401, {}, "open to them"),
        (404, {}, "/certsrv/mscep/mscep.dll"),
        (405, {}, "POSTPKIOperation"),
        (414, {}, "16 kB"),
        (500, {}, "log"),
        (503, {"Retry-After": "7"}, "in 7 s"),
        (418, {}, "no SCEP server"),
    ],
)
def test_a_status_has_its_remedy(
    server: ScriptedServer, status: int, headers: dict[str, str], words: str
) -> None:
    server.says["PKIOperation"] = says(b"words of the server", "text/plain", status, **headers)
    enrolled = trial(server)[-1]
    assert (enrolled.step, enrolled.outcome) == ("enrol", "failed")
    assert str(status) in enrolled.seen
    assert words in enrolled.remedy


@pytest.mark.parametrize("operation", ["GetCACaps", "GetCACert", "PKIOperation"])
def test_a_web_page_is_told_from_an_answer(server: ScriptedServer, operation: str) -> None:
    server.says[operation] = says(b"<!DOCTYPE html><title>Sign in</title>", "text/html")
    wrong = next(step for step in trial(server) if step.outcome == "failed")
    assert "is this the SCEP URL?" in wrong.remedy or "certs-only" in wrong.remedy


def test_a_wrong_media_type_is_told_but_read(server: ScriptedServer) -> None:
    bundle = ca_certificates(server.world.ra, server.world.issuer, with_root=True)
    server.says["GetCACert"] = says(bundle, "application/octet-stream")
    server.says["PKIOperation"] = lambda body: Answer(
        server.world.service.pki_operation(body, server.world.profile(), now=server.world.now),
        "application/octet-stream",
    )
    steps = trial(server)
    assert outcomes(steps) == {
        "GetCACaps": "ok",
        "GetCACert": "warning",
        "enrol": "warning",
        "renew": "warning",
    }
    assert "application/x-x509-ca-ra-cert" in steps[1].remedy
    assert "application/x-pki-message" in steps[2].remedy


def test_ca_certificates_in_pem_are_told_but_read(server: ScriptedServer) -> None:
    bundle = ca_certificates(server.world.ra, server.world.issuer, with_root=True)
    server.says["GetCACert"] = says(pem("PKCS7", bundle), "application/x-x509-ca-ra-cert")
    assert outcomes(trial(server))["GetCACert"] == "warning"


def test_a_reply_of_somebody_else_is_not_believed(server: ScriptedServer) -> None:
    other = World("rsa-2048")
    bundle = ca_certificates(other.ra, other.issuer, with_root=True)
    server.says["GetCACert"] = says(bundle, "application/x-x509-ca-ra-cert")
    enrolled = trial(server)[-1]
    assert enrolled.outcome == "failed"
    assert "not in GetCACert" in enrolled.seen


@pytest.mark.parametrize("reply", [b"", b"\x30\x00", b"no message"])
def test_a_reply_that_is_none_is_told(server: ScriptedServer, reply: bytes) -> None:
    server.says["PKIOperation"] = says(reply, "application/x-pki-message")
    enrolled = trial(server)[-1]
    assert (enrolled.step, enrolled.outcome) == ("enrol", "failed")
    assert "the reply to PKCS_REQ" in enrolled.seen


def test_nobody_there_is_told(server: ScriptedServer) -> None:
    server.url = "http://127.0.0.1:1/scep"
    assert "is it running" in trial(server)[0].remedy


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError("[Errno -2] Name or service not known"), "check the host's name"),
        (httpx.ConnectTimeout(""), "firewall"),
        (httpx.ReadTimeout(""), "firewall"),
        (httpx.RemoteProtocolError("Server disconnected"), "try https://"),
    ],
)
def test_what_keeps_from_connecting_has_its_remedy(error: httpx.HTTPError, words: str) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise error

    with httpx.Client(transport=httpx.MockTransport(fail)) as http:
        first = next(Trial(Device("http://host.example.org/scep", http), Plan(SUBJECT)).run())
    assert first.outcome == "failed"
    assert words in first.remedy


@pytest.mark.parametrize("url", ["ftp://host/scep", "scep", "http://", "http://[::1/scep"])
def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(ServerProblem, match="write it as http://host/path"):
        Device(url)


def test_tls_that_is_not_trusted_is_told_and_can_be(tmp_path: Path) -> None:
    certificate, context = tls_server(tmp_path)
    world = World()
    with serving(ScriptedServer(world), context) as server:
        untrusted = trial(server, enrol=False)
        with http_client(certificate) as http:
            device = Device(server.url, http, clock=lambda: world.now)
            trusted = list(Trial(device, Plan(SUBJECT, SANS, world.challenge(SUBJECT, sans=SANS))).run())
    assert untrusted[0].outcome == "failed"
    assert "--ca-file" in untrusted[0].remedy
    assert outcomes(trusted)["enrol"] == "ok"


def test_http_at_a_port_of_tls_and_the_other_way_round(server: ScriptedServer, tmp_path: Path) -> None:
    server.url = server.url.replace("http:", "https:")
    assert "try http://" in trial(server, enrol=False)[0].remedy
    _, context = tls_server(tmp_path)
    with serving(ScriptedServer(World()), context) as secure:
        secure.url = secure.url.replace("https:", "http:")
        assert "https" in trial(secure, enrol=False)[0].remedy


def test_a_ca_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ServerProblem, match="--ca-file must be"):
        http_client(tmp_path / "missing.pem")
