"""strongSwan, micromdm's `scepclient` and certmonger enrol with challenges of Intune; the host is a real one."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from fakes.microsoft import Code, Status
from tests.e2e import certmonger
from tests.e2e.certmonger import Certmonger
from tests.e2e.messages import enrolment
from tests.e2e.relying_party import RelyingParty
from tests.e2e.scepclient import ScepClient
from tests.e2e.strongswan import StrongSwan
from tests.intune.clients.conftest import Managed

pytestmark = [pytest.mark.host, pytest.mark.client]

PAGE = Path(__file__).resolve().parents[3] / "docs" / "intune.md"
UNREADABLE = "Server reply was of unexpected MIME type"
ACTS = ("validateRequest", "successNotification")


@pytest.fixture
def relying_party(managed: Managed, tmp_path: Path) -> RelyingParty:
    return RelyingParty(tmp_path, managed.host.http, managed.host.site.ca.certificate("root"))


@pytest.fixture
def swan(managed: Managed, tmp_path: Path) -> StrongSwan:
    client = StrongSwan(tmp_path, managed.host.scep(), f"swan-{secrets.token_hex(4)}")
    assert client.fetch_ca().code == 0
    return client


@pytest.fixture(scope="module")
def monger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Certmonger]:
    with certmonger.running(tmp_path_factory.mktemp("certmonger")) as running:
        yield running


def challenge(managed: Managed, subject: str, sans: list[str], size: int = 4096) -> str:
    minted = managed.fake.scep.challenges.mint(subject, tuple(sans), size=size)
    assert len(minted) >= size
    return minted


def test_strongswan_posts_a_challenge_of_4_kb(
    managed: Managed, swan: StrongSwan, relying_party: RelyingParty
) -> None:
    managed.fake.calls.clear()
    certificate = swan.enrol(challenge(managed, swan.subject, swan.sans)).certificate
    relying_party.accepts(certificate)
    assert managed.fake.acts(*ACTS) == list(ACTS)
    assert managed.vouchers(swan.name) == {certificate.serial_hex: "intune:default"}
    assert managed.reported()[-1] == certificate.serial_hex


def test_strongswan_is_told_of_a_subject_that_intune_does_not_know(
    managed: Managed, swan: StrongSwan
) -> None:
    refused = swan.enrol(challenge(managed, "CN=other,O=Probe,C=CZ", swan.sans))
    assert refused.code != 0
    assert "badRequest" in refused.said
    assert managed.vouchers(swan.name) == {}


def test_strongswan_gets_nothing_that_intune_has_not_acknowledged(managed: Managed, swan: StrongSwan) -> None:
    minted = challenge(managed, swan.subject, swan.sans)
    managed.fake.always(Code("Unknown"), "successNotification")
    refused = swan.enrol(minted)
    managed.fake.always(None, "successNotification")
    assert (refused.code != 0, refused.output) == (True, b"")
    (serial,) = managed.vouchers(swan.name)
    certificate = swan.enrol(minted).certificate
    assert certificate.serial_hex != serial


def test_strongswan_is_told_that_intune_is_away(managed: Managed, swan: StrongSwan) -> None:
    minted = challenge(managed, swan.subject, swan.sans)
    managed.fake.always(Status(503), "validateRequest")
    refused = swan.enrol(minted)
    managed.fake.always(None, "validateRequest")
    assert refused.code != 0
    assert managed.vouchers(swan.name) == {}
    assert swan.enrol(minted).certificate.subject.text() == swan.subject


def test_scepclient_posts_a_challenge_of_4_kb_to_another_tenant(
    managed: Managed, tmp_path: Path, relying_party: RelyingParty
) -> None:
    folder = tmp_path / "client"
    folder.mkdir()
    client = ScepClient(folder, f"mdm-{secrets.token_hex(4)}", managed.host.ra)
    ended = client.run(managed.host.scep("old"), challenge(managed, client.subject, []))
    assert ended.code == 0, ended.said
    certificate = client.certificate
    assert certificate is not None
    relying_party.accepts(certificate)
    assert managed.vouchers(client.name) == {certificate.serial_hex: "intune:branch-office"}


def test_certmonger_gets_a_challenge_of_2_kb_through_a_query(
    managed: Managed, monger: Certmonger, relying_party: RelyingParty
) -> None:
    name = f"monger-{secrets.token_hex(4)}"
    # As certmonger writes names, the first part of its text is the first in the request.
    minted = challenge(managed, f"O=Probe,CN={name}", [f"dns:{name}.example.org"], size=2048)
    monger.add_ca(name, managed.host.scep())
    monger.request(name, minted, subject=f"CN={name},O=Probe", dns=f"{name}.example.org")
    certificate = monger.certificate(name)
    relying_party.accepts(certificate)
    assert managed.vouchers(name) == {certificate.serial_hex: "intune:default"}


def test_certmonger_cannot_get_a_challenge_of_4_kb_through(managed: Managed, monger: Certmonger) -> None:
    """Its request line is longer than the 8 KB that the platform takes; docs/intune.md has what it says then."""
    name = f"monger-{secrets.token_hex(4)}"
    minted = challenge(managed, f"O=Probe,CN={name}", [f"dns:{name}.example.org"])
    monger.add_ca(name, managed.host.scep())
    monger.request(name, minted, subject=f"CN={name},O=Probe", dns=f"{name}.example.org")
    said = monger.await_words(name, "ca-error: ")
    assert "status: CA_UNREACHABLE" in said
    assert UNREADABLE in said
    assert UNREADABLE in PAGE.read_text(encoding="utf-8")
    assert managed.vouchers(name) == {}


@pytest.mark.parametrize(("size", "status"), [(2048, 200), (4096, 414)])
def test_by_get_2_kb_pass_and_4_kb_do_not(managed: Managed, size: int, status: int) -> None:
    name = f"get-{secrets.token_hex(4)}"
    message = enrolment(managed.host, f"CN={name}", challenge(managed, f"CN={name}", [], size=size))
    text = quote(base64.b64encode(message.der), safe="")
    answer = managed.host.http.get(f"/scep/device?operation=PKIOperation&message={text}")
    assert answer.status_code == status
    assert len(managed.vouchers(name)) == (1 if status == 200 else 0)
    assert message.post(managed.host).certificates
