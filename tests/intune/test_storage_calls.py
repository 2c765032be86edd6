"""What mode "intune" costs in storage, over Azurite: two calls more than other modes, which do not pay for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.microsoft import Code, FakeIntune
from local.azurite import Azurite
from shared.scep.client import build_request, read_reply
from shared.scep.message import PKIStatus
from tests.e2e.counted import CountedApplication
from tests.functions.memory import environment, make_ca
from tests.intune.scene import PROFILES, device_uri, text_of, upn
from tests.scep.authority import POLICY, csr, self_signed

pytestmark = pytest.mark.azurite


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def app(
    fake: FakeIntune, azurite: Azurite, ca: Path, tmp_path: Path, unique_name: str
) -> Iterator[CountedApplication]:
    (tmp_path / "profiles.toml").write_text(POLICY + PROFILES)
    settings = {
        "AzureWebJobsStorage": azurite.connection_string,
        "SCEPTER_TABLE_PREFIX": unique_name,
        "SCEPTER_CALLER_SECRETS__TESTS": "the-secret-of-the-caller-tests",
    }
    settings |= environment(ca, **fake.settings, SCEPTER_PROFILES_FILE=str(tmp_path / "profiles.toml"))
    application = CountedApplication(settings)
    _ = application.scep, application.revocations
    application.requests.clear()
    application.signatures.clear()
    yield application
    application.close()


def send(app: CountedApplication, content: bytes, profile: str = "intune") -> PKIStatus:
    ra = app.ra.current(app.clock()).certificate
    message, transaction, nonce = build_request(content, self_signed(), ra, transaction_id="1")
    answer = app.scep.pki_operation(message, app.profiles.profiles[profile], now=app.clock())
    return read_reply(answer, self_signed(), ra, transaction_id=transaction, nonce=nonce).status


def test_a_device_is_four_calls_in_this_order(app: CountedApplication, fake: FakeIntune) -> None:
    """Noted as unreported before it is committed, struck off after Intune has acknowledged it."""
    assert send(app, csr(challenge=fake.scep.challenges.mint("CN=dev1,O=Example"))) is PKIStatus.SUCCESS
    assert app.requests == ["POST owners", "POST outbox", "POST certificates", "DELETE outbox"]
    assert len(app.signatures) == 1


def test_a_user_on_a_device_is_five(app: CountedApplication, fake: FakeIntune) -> None:
    sans = [upn("ann@example.org"), device_uri()]
    challenge = fake.scep.challenges.mint("CN=Ann", tuple(map(text_of, sans)))
    assert send(app, csr("CN=Ann", challenge=challenge, sans=sans), "intune-user") is PKIStatus.SUCCESS
    assert app.requests == [
        *("POST owners", "POST owners", "POST outbox", "POST certificates", "DELETE outbox"),
    ]


def test_a_refusal_is_none(app: CountedApplication, fake: FakeIntune) -> None:
    fake.always(Code("SubjectNameMismatch"), "validateRequest")
    assert send(app, csr(challenge="x")) is PKIStatus.FAILURE
    assert app.requests == []


def test_a_repeat_looks_whether_it_was_reported(app: CountedApplication, fake: FakeIntune) -> None:
    request = csr(challenge=fake.scep.challenges.mint("CN=dev1,O=Example"))
    send(app, request)
    app.requests.clear()
    assert send(app, request) is PKIStatus.SUCCESS
    assert app.requests == ["POST owners", "GET owners", "GET certificates", "GET outbox"]
    assert fake.acts("successNotification") == ["successNotification"]


def test_a_withdrawal_is_on_record_and_on_its_way_to_the_crl(
    app: CountedApplication, fake: FakeIntune
) -> None:
    fake.always(Code("Unknown"), "successNotification")
    assert send(app, csr(challenge=fake.scep.challenges.mint("CN=dev1,O=Example"))) is PKIStatus.FAILURE
    resources = [request.partition(" ")[2] for request in app.requests[3:]]
    assert sorted(resources) == ["certificates", "certificates", "changes", "crl-requests", "outbox"]
    assert resources[0] == "outbox"  # condemned before anything else


def test_other_modes_pay_nothing(app: CountedApplication) -> None:
    assert (
        send(app, csr("CN=dev1", challenge="the-shared-secret-of-the-tests"), "static") is PKIStatus.SUCCESS
    )
    assert app.requests == ["POST owners", "POST certificates"]


def test_the_timer_with_nothing_to_do_is_two_calls(app: CountedApplication) -> None:
    assert app.intune_sweep is not None
    app.intune_sweep.run()
    assert app.requests == ["GET outbox", "GET outbox"]
