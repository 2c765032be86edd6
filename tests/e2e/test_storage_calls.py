"""What an operation costs through the whole stack: storage calls, which are most of it, and CA-key signatures."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp

from local.azurite import Azurite
from shared.ca.ceremony import CAPlan, create
from shared.ca.folder import CAFolder
from shared.devices.event import DeviceEvent
from shared.devices.service import Delivery
from shared.policy.events import EventType
from shared.scep.client import Requester, build_request, read_reply
from shared.scep.message import MessageType, PKIStatus
from shared.store.pending import Decision, Verdict
from shared.x509.certificate import Certificate
from shared.x509.ocsp import CertID, OCSPRequest
from tests.e2e.counted import CountedApplication
from tests.e2e.site import POLICY
from tests.scep.authority import csr, key, self_signed

pytestmark = pytest.mark.azurite

CALLER_SECRET = "the-secret-of-the-caller-demo"
STATIC_SECRET = "the-shared-secret-of-the-tests"
DELAY = 4
"""Seconds: a request waits in the queue for five, and a change of the last two is not taken for covered."""
FULL = ["GET pki", "GET changes", "PUT pki", "HEAD pki", "PUT pki"]


@pytest.fixture(scope="module")
def ca_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("ca"))


def make_ca(folder: Path) -> Path:
    plan = CAPlan(root_key="p-256", issuing_key="p-256")
    create(CAFolder(folder), plan, base_url="http://pki.example.org", now=datetime.now(UTC))
    return folder


@pytest.fixture
def app(azurite: Azurite, ca_folder: Path, unique_name: str) -> Iterator[CountedApplication]:
    """An application whose tables are there and whose parts are made, before anything is counted."""
    application = CountedApplication(environment_of(azurite, ca_folder, unique_name))
    _ = application.scep, application.revocations
    forget(application)
    yield application
    application.close()


def environment_of(azurite: Azurite, ca_folder: Path, table_prefix: str) -> dict[str, str]:
    return {
        "AzureWebJobsStorage": azurite.connection_string,
        "SCEPTER_PUBLIC_URL": "http://pki.example.org",
        "SCEPTER_PROFILES_FILE": str(POLICY),
        "SCEPTER_CA_FOLDER": str(ca_folder),
        "SCEPTER_CHALLENGE_KEYS": "bm90IGEgc2VjcmV0LCBub3QgYSBzZWNyZXQsIG5vdDE=",
        "SCEPTER_CALLER_SECRETS__DEMO": CALLER_SECRET,
        "SCEPTER_STATIC_CHALLENGES__SHARED": STATIC_SECRET,
        "SCEPTER_TABLE_PREFIX": table_prefix,
    }


def forget(app: CountedApplication) -> None:
    """Count from here."""
    app.requests.clear()
    app.signatures.clear()


def challenge(app: CountedApplication, profile: str = "device", **owner: str) -> str:
    order = {"profile": profile, "subject": "CN=dev", **owner}
    return app.mint.mint(CALLER_SECRET, json.dumps(order).encode(), now=app.clock()).challenge


def send(
    app: CountedApplication,
    content: bytes,
    requester: Requester,
    profile: str = "device",
    *,
    kind: MessageType = MessageType.PKCS_REQ,
    transaction_id: str | None = None,
) -> Certificate | None:
    """One PKIOperation; the certificate, or None if there is none."""
    ra = app.ra.current(app.clock()).certificate
    message, transaction, nonce = build_request(
        content, requester, ra, message_type=kind, transaction_id=transaction_id
    )
    answer = app.scep.pki_operation(message, app.profiles.profiles[profile], now=app.clock())
    reply = read_reply(answer, requester, ra, transaction_id=transaction, nonce=nonce)
    return reply.certificates[0] if reply.status is PKIStatus.SUCCESS else None


def enrol(app: CountedApplication, profile: str = "device", **owner: str) -> Certificate:
    owner = owner or {"device": secrets.token_hex(8)}
    certificate = send(app, csr("CN=dev", challenge=challenge(app, profile, **owner)), self_signed(), profile)
    assert certificate is not None
    return certificate


def wipe(app: CountedApplication, device: str, kind: str = "wiped") -> None:
    occurred_at = app.clock()
    event = DeviceEvent("generic", secrets.token_hex(8), EventType(kind), occurred_at, (f"device:{device}",))
    app.device_events.handle(Delivery(event, dict, occurred_at))


def test_a_wiped_device_is_eleven_calls_however_many_are_on_record(app: CountedApplication) -> None:
    """The event on record, its device's names, its certificate, the brake, what waits for approval (because a profile
    asks for it); revoked, concluded, and queued again for challenges that are still out. A CRL is asked for once."""
    enrol(app, device="dev1")
    enrol(app, device="dev2")
    wipe(app, "dev0")  # asks for the fleet's size, and counts what the brake has
    wipe(app, "dev2")
    forget(app)
    wipe(app, "dev1")
    assert [request.partition("?")[0] for request in app.requests] == [
        "POST events",
        "GET devices",
        "GET owners",
        "GET certificates",
        "POST $batch",
        "GET requests",
        "GET certificates",
        "PUT changes",
        "PATCH certificates",
        "PUT events",
        "POST device-events",
    ]
    assert app.signatures == []


def test_a_device_is_two_calls_and_one_signature(app: CountedApplication) -> None:
    enrol(app)
    assert app.requests == ["POST owners", "POST certificates"]
    assert len(app.signatures) == 1


def test_a_user_is_three_calls_and_one_signature(app: CountedApplication) -> None:
    enrol(app, "user", device="dev1", user="ann@example.org")
    assert app.requests == ["POST owners", "POST owners", "POST certificates"]
    assert len(app.signatures) == 1


def test_a_user_without_a_device_is_two_calls(app: CountedApplication) -> None:
    enrol(app, "user", user="ben@example.org")
    assert app.requests == ["POST owners", "POST certificates"]


def test_a_shared_secret_without_a_count_costs_no_more(app: CountedApplication) -> None:
    assert send(app, csr("CN=dev", challenge=STATIC_SECRET), self_signed(), "shared")
    assert app.requests == ["POST owners", "POST certificates"]


def test_a_request_that_waits_is_three_calls_then_one_and_no_signature(app: CountedApplication) -> None:
    """Whether it waits, whether it was served; then the request and its identity go together."""
    request = csr("CN=dev", challenge=challenge(app, "approved", device=secrets.token_hex(8)))
    assert send(app, request, self_signed(), "approved", transaction_id="1") is None
    assert app.requests == ["GET requests", "GET owners", "POST $batch"]
    forget(app)
    assert send(app, request, self_signed(), "approved", transaction_id="1") is None
    assert (app.requests, app.signatures) == (["GET requests"], [])


def test_a_poll_is_one_call_until_it_is_approved_and_then_an_enrolments_more(app: CountedApplication) -> None:
    request = csr("CN=dev", challenge=challenge(app, "approved", device=secrets.token_hex(8)))
    send(app, request, self_signed(), "approved", transaction_id="1")

    def poll() -> Certificate | None:
        kind = MessageType.CERT_POLL
        return send(app, b"\x30\x00", self_signed(), "approved", kind=kind, transaction_id="1")

    forget(app)
    assert poll() is None
    assert (app.requests, app.signatures) == (["GET requests"], [])
    (waiting,) = app.decisions.all(app.clock())
    app.decisions.decide(waiting.id, Verdict(Decision.APPROVED, "test", app.clock()))
    forget(app)
    assert poll()
    assert app.requests == ["GET requests", "POST owners", "POST certificates"]
    assert len(app.signatures) == 1


def test_a_renewal_is_four_calls_and_one_signature(app: CountedApplication) -> None:
    """It reads the record of its signer first, and at last notes that the predecessor is to be superseded."""
    old = enrol(app)
    forget(app)
    assert send(app, csr("CN=dev", number=1), Requester(old, key(0)))
    expected = ["GET certificates", "POST owners", "POST certificates"]
    assert app.requests[:3] == expected
    assert [request.partition(" ")[2] for request in app.requests[3:]] == ["supersessions"]
    assert len(app.signatures) == 1


def test_a_repeat_is_three_calls_and_no_signature(app: CountedApplication) -> None:
    request = csr("CN=dev", challenge=challenge(app, device=secrets.token_hex(8)))
    first = send(app, request, self_signed())
    forget(app)
    second = send(app, request, self_signed())
    assert first is not None
    assert second is not None
    assert first.der == second.der
    assert app.requests == ["POST owners", "GET owners", "GET certificates"]
    assert app.signatures == []


def test_a_refusal_is_no_call_and_no_signature(app: CountedApplication) -> None:
    assert send(app, csr("CN=dev", challenge="wrong"), self_signed()) is None
    assert send(app, csr("CN=other", challenge=challenge(app, device="dev")), self_signed()) is None
    assert app.requests == []
    assert app.signatures == []


def test_a_revocation_is_three_calls_and_a_message(app: CountedApplication) -> None:
    certificate = enrol(app)
    forget(app)
    app.revocations.revoke(app.issuer.id, certificate.serial_hex, "keyCompromise", by="test")
    resources = [request.partition(" ")[2] for request in app.requests]
    assert sorted(resources) == ["certificates", "certificates", "changes", "crl-requests"]
    assert app.requests[0] == "GET certificates"
    assert app.signatures == []


def ask(app: CountedApplication, *serials: str) -> list[str]:
    """The states that OCSP tells, with a nonce, so that nothing but the record can be remembered."""
    asked = tuple(CertID.of(app.issuer.certificate, int(serial, 16)) for serial in serials)
    message = OCSPRequest(asked, secrets.token_bytes(16)).encoded
    found = ocsp.load_der_ocsp_response(app.ocsp.answer(message, app.clock()).der)
    return [single.certificate_status.name for single in found.responses]


def test_an_ocsp_answer_is_one_call_for_each_certificate_and_no_signature_of_the_ca(
    app: CountedApplication,
) -> None:
    """Whatever the answer is. The CA's key is not even at hand."""
    good, revoked, held = (enrol(app).serial_hex for _ in range(3))
    app.revocations.revoke(app.issuer.id, revoked, "keyCompromise", by="test")
    app.revocations.revoke(app.issuer.id, held, "certificateHold", by="test")
    ask(app, "26aa")  # the responder is loaded, and on record
    forget(app)
    for serial, state in ((good, "GOOD"), (revoked, "REVOKED"), (held, "REVOKED"), ("26aa", "UNKNOWN")):
        assert ask(app, serial) == [state]
        assert app.requests == ["GET certificates"]
        forget(app)
    # One that is asked twice is read once.
    assert ask(app, revoked, "26aa", held, "26aa", revoked) == ["REVOKED", "UNKNOWN"] * 2 + ["REVOKED"]
    assert app.requests == ["GET certificates"] * 3
    forget(app)
    for _ in range(50):
        ask(app, "26aa")
    assert app.requests == ["GET certificates"] * 50
    assert app.signatures == []


def test_an_ocsp_answer_about_a_ca_is_no_call(app: CountedApplication) -> None:
    root = app.issuer.chain[-1]
    message = OCSPRequest((CertID.of(root, app.issuer.certificate.serial),), b"n").encoded
    for _ in range(3):
        forget(app)
        answer = ocsp.load_der_ocsp_response(app.ocsp.answer(message, app.clock()).der)
        assert answer.certificate_status is ocsp.OCSPCertStatus.GOOD
    assert (app.requests, app.signatures) == ([], [])


def test_a_renewed_responder_is_two_calls_and_one_signature(app: CountedApplication) -> None:
    """Whether the newest stands; then the next goes on record, before it is used."""
    ask(app, "26aa")
    forget(app)
    assert app.responder(app.issuer).renew(app.clock()) is False
    assert (app.requests, app.signatures) == (["GET certificates"], [])
    forget(app)
    assert app.responder(app.issuer).renew(app.clock() + timedelta(days=1)) is True
    assert app.requests == ["GET certificates", "POST certificates"]
    assert len(app.signatures) == 1


def test_a_crl_is_five_calls_and_one_signature(app: CountedApplication) -> None:
    """The published CRL, the changes since, the next CRL; then the copy in PEM, looked at and replaced."""
    app.publish()
    revoke_one(app)
    forget(app)
    app.crl_publisher(app.issuer).publish()
    assert app.requests == FULL
    assert len(app.signatures) == 1


def test_a_request_for_a_crl_is_a_look_more_and_one_that_is_covered_two_looks(
    app: CountedApplication,
) -> None:
    app.publish()
    changed_at = revoke_one(app)
    time.sleep(DELAY)
    forget(app)
    assert app.crl_publisher(app.issuer).publish_change(changed_at)
    assert app.requests == ["HEAD pki", "HEAD pki", *FULL]
    assert len(app.signatures) == 1
    forget(app)
    assert not app.crl_publisher(app.issuer).publish_change(changed_at)
    assert not app.crl_publisher(app.issuer).is_due()
    assert app.requests == ["HEAD pki"] * 3
    assert app.signatures == []


def test_a_change_with_shards_and_deltas_is_four_signatures(
    azurite: Azurite, tmp_path: Path, unique_name: str
) -> None:
    """Full and delta, and the one shard of 16 that has it with its own; none of the other 15."""
    settings = {"SCEPTER_CRL_SHARDS": "16", "SCEPTER_CRL_DELTA_HOURS": "12"}
    app = CountedApplication(environment_of(azurite, make_ca(tmp_path), unique_name) | settings)
    app.publish()
    changed_at = revoke_one(app)
    time.sleep(DELAY)
    forget(app)
    assert app.crl_publisher(app.issuer).publish_change(changed_at)
    assert len(app.signatures) == 4
    assert app.requests.count("GET changes") == 2, "once to see which shard, once with its ETag in hand"
    assert app.requests.count("PUT pki") == 8
    assert app.requests.count("GET pki") == 3, "the full CRL and two deltas; no shard"
    app.close()


def revoke_one(app: CountedApplication) -> datetime:
    """When a certificate was revoked, a moment ago."""
    certificate = enrol(app)
    app.revocations.revoke(app.issuer.id, certificate.serial_hex, "keyCompromise", by="test")
    return app.clock()


def test_what_was_signed_is_what_is_certified(app: CountedApplication) -> None:
    certificate = enrol(app)
    assert app.signatures == [certificate.tbs]
