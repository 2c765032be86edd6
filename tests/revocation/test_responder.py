"""The OCSP responder: what the record says is what is answered; by the right key; and never by an ended one."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509

from shared import errors
from shared.ca.authority import unsigned_record
from shared.ca.responder_identity import LIFE
from shared.errors import KeyUnavailable, PKIError, StoreUnavailable
from shared.revocation.responder import failure
from shared.revocation.service import REASONS
from shared.store.ports import Revocation
from shared.x509.ocsp import CertID, OCSPRequest
from shared.x509.ocsp_client import read_answer
from tests.ca.stores import in_threads
from tests.ca.tiers import hierarchy_of
from tests.functions.test_answers import leaves
from tests.revocation.desk import HOUR, MINUTE, PASSING, SECOND, USUAL, Answer, Desk
from tests.scep.authority import DAY, NOW, tiers
from tests.x509.lint import ocsp_findings
from tests.x509.ocsp_material import cert_id, request, single

NOBODYS = "26aa" + "99" * 17


@pytest.fixture
def desk() -> Desk:
    return Desk()


def responder_of(answer: Answer) -> x509.Certificate:
    (certificate,) = answer.read.certificates
    return certificate


def test_a_certificate_on_record_is_good(desk: Desk) -> None:
    record = desk.issue()
    answer = desk.ask(record.serial)
    assert answer.state == "good"
    assert answer.ends == [USUAL]
    assert ocsp_findings(answer.der) == []


def test_one_that_was_never_issued_is_unknown_and_soon_asked_again(desk: Desk) -> None:
    answer = desk.ask(NOBODYS)
    assert answer.state == "unknown"
    assert answer.ends == [PASSING]
    assert answer.response.fresh is None
    assert ocsp_findings(answer.der) == []


@pytest.mark.parametrize("reason", REASONS)
def test_a_revoked_one_is_revoked_with_time_and_reason(desk: Desk, reason: str) -> None:
    record = desk.issue()
    desk.now += HOUR
    desk.revoke(record, reason)
    desk.now += HOUR
    answer = desk.ask(record.serial)
    assert answer.state == "revoked"
    (said,) = answer.singles
    assert said.revocation_time_utc == NOW + HOUR
    assert said.revocation_reason is (None if reason == "unspecified" else x509.ReasonFlags(reason))
    assert answer.ends == [PASSING if reason == "certificateHold" else USUAL]
    assert ocsp_findings(answer.der) == []


def test_a_hold_that_was_lifted_is_good_again(desk: Desk) -> None:
    record = desk.issue()
    desk.revoke(record, "certificateHold")
    assert desk.ask(record.serial).state == "revoked"
    desk.revocations.lift(record.issuer, record.serial)
    assert desk.ask(record.serial).state == "good"


def test_one_that_was_revoked_before_it_was_signed_is_revoked(desk: Desk) -> None:
    record = desk.issue()
    (claim,) = desk.store.owned_by(record.owner)
    promised = unsigned_record(type(claim)(**{**_fields(claim), "serial": NOBODYS}), NOW)
    desk.store.commit(promised)
    desk.revocations.revoke(promised.issuer, promised.serial, "cessationOfOperation", by="tests")
    assert desk.ask(NOBODYS).state == "revoked"


def _fields(claim: Any) -> dict[str, Any]:
    return {name: getattr(claim, name) for name in claim.__slots__}


def test_a_reason_that_no_response_can_have_does_not_hide_the_revocation(desk: Desk) -> None:
    record = desk.issue()
    found = desk.store.find(record.issuer, record.serial)
    assert found is not None
    desk.store.set_revocation(found, Revocation("removeFromCRL", NOW, "a later version"))
    answer = desk.ask(record.serial)
    assert (answer.state, answer.singles[0].revocation_reason) == ("revoked", None)


def test_several_are_answered_in_their_order_and_the_same_one_twice(desk: Desk) -> None:
    good, revoked = desk.issue(), desk.issue()
    desk.revoke(revoked)
    answer = desk.ask(good.serial, NOBODYS, revoked.serial, good.serial)
    assert answer.states == ["good", "unknown", "revoked", "good"]
    assert desk.reads == 3
    assert ocsp_findings(answer.der) == []


@pytest.mark.parametrize("digest", ["sha1", "sha256", "sha384", "sha512"])
def test_each_digest_is_answered_in_kind(desk: Desk, digest: str) -> None:
    record = desk.issue()
    answer = desk.ask(record.serial, digest=digest)
    assert answer.singles[0].hash_algorithm.name == digest
    assert answer.singles[0].serial_number == int(record.serial, 16)


def test_the_nonce_comes_back_and_forbids_caching(desk: Desk) -> None:
    record = desk.issue()
    answer = desk.ask(record.serial, nonce=b"n" * 128)
    assert answer.read.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"n" * 128
    assert answer.response.fresh is None
    assert desk.ask(record.serial).response.fresh == (NOW, NOW + USUAL)


def test_an_answer_holds_no_longer_than_the_soonest_of_what_it_says(desk: Desk) -> None:
    good, held = desk.issue(), desk.issue()
    desk.revoke(held, "certificateHold")
    assert desk.ask(good.serial, held.serial).response.fresh == (NOW, NOW + PASSING)


@pytest.mark.parametrize("number", [0, -1, -(1 << 150)])
def test_a_serial_that_nobody_has_is_unknown_without_a_look(desk: Desk, number: int) -> None:
    """Not even if its magnitude is one of ours."""
    record = desk.issue()
    for serial in (number, -int(record.serial, 16)):
        answer = desk.send(OCSPRequest((CertID.of(desk.issuer.certificate, serial),)).encoded)
        assert answer.state == "unknown"
        assert answer.singles[0].serial_number == serial
    assert desk.reads == 0
    both = (int(record.serial, 16), -int(record.serial, 16))
    asked = tuple(CertID.of(desk.issuer.certificate, serial) for serial in both)
    assert desk.send(OCSPRequest(asked).encoded).states == ["good", "unknown"]


def test_an_issuer_that_is_not_ours_is_unauthorized(desk: Desk) -> None:
    record = desk.issue()
    foreign = tiers("p-384")[1]
    assert desk.ask_of(foreign, record.serial).error == "UNAUTHORIZED"
    assert desk.send(request(single(cert_id()))).error == "UNAUTHORIZED"
    assert desk.reads == 0


def test_several_issuers_cannot_be_answered_with_one_signature(desk: Desk) -> None:
    asked = (
        CertID.of(desk.issuer.certificate, int(desk.issue().serial, 16)),
        CertID.of(desk.root, desk.issuer.certificate.serial),
    )
    for pair in (asked, asked[::-1]):
        assert desk.send(OCSPRequest(pair).encoded).error == "UNAUTHORIZED"


def test_the_name_of_one_ca_with_the_key_of_another_is_nobodys(desk: Desk) -> None:
    ours, above = CertID.of(desk.issuer.certificate, 1), CertID.of(desk.root, 1)
    mixed = CertID((ours.issuer[0], ours.issuer[1], above.issuer[2]), 1)
    assert desk.send(OCSPRequest((mixed,)).encoded).error == "UNAUTHORIZED"


@pytest.mark.parametrize("junk", [b"", b"junk", b"\x30\x00", bytes(100_000)])
def test_what_cannot_be_read_is_malformed(desk: Desk, junk: bytes) -> None:
    assert desk.send(junk).error == "MALFORMED_REQUEST"


def test_the_issuing_cas_responder_answers_and_no_answer_needs_the_cas_key(desk: Desk) -> None:
    record = desk.issue()
    first = desk.ask(record.serial)
    for _ in range(50):
        desk.ask(record.serial, nonce=b"n")
    assert desk.made == 1
    certificate = responder_of(first)
    issuing = x509.load_der_x509_certificate(desk.issuer.certificate.der)
    certificate.verify_directly_issued_by(issuing)


def test_the_responders_own_certificate_is_good(desk: Desk) -> None:
    serial = f"{responder_of(desk.ask(NOBODYS)).serial_number:038x}"
    assert desk.ask(serial).state == "good"
    root_responder = hierarchy_of("p-256").root_responder.certificate.serial_hex
    assert desk.ask_of(desk.root, root_responder).state == "good"


def test_ca_certificates_are_answered_by_the_roots_own_responder(desk: Desk) -> None:
    answer = desk.ask_of(desk.root, desk.issuer.certificate.serial_hex, desk.root.serial_hex)
    assert answer.states == ["good", "good"]
    responder_of(answer).verify_directly_issued_by(x509.load_der_x509_certificate(desk.root.der))
    assert desk.ask_of(desk.root, NOBODYS).state == "unknown"
    assert ocsp_findings(answer.der) == []


def test_a_relying_party_does_not_take_the_one_for_the_other(desk: Desk) -> None:
    """What an issuing CA has delegated says nothing about what the root has issued."""
    record = desk.issue()
    below, above = desk.ask(record.serial), desk.ask_of(desk.root, record.serial)
    asked = CertID.of(desk.issuer.certificate, int(record.serial, 16), "sha256")
    read_answer(below.der, asked, desk.issuer.certificate, nonce=None, now=NOW)
    for issuer, der in ((desk.root, below.der), (desk.issuer.certificate, above.der)):
        with pytest.raises(errors.RequestError):
            read_answer(der, asked, issuer, nonce=None, now=NOW)


def test_a_ca_on_the_roots_crl_is_revoked(desk: Desk) -> None:
    desk.revoke_ca(desk.issuer.certificate, NOW - DAY)
    answer = desk.ask_of(desk.root, desk.issuer.certificate.serial_hex)
    assert (answer.state, answer.singles[0].revocation_time_utc) == ("revoked", NOW - DAY)
    assert answer.singles[0].revocation_reason is x509.ReasonFlags.ca_compromise
    assert ocsp_findings(answer.der) == []


def test_the_roots_next_crl_is_seen_within_a_minute(desk: Desk) -> None:
    serial = desk.issuer.certificate.serial_hex
    assert desk.ask_of(desk.root, serial).state == "good"
    desk.revoke_ca(desk.issuer.certificate, NOW)
    desk.now += MINUTE
    assert desk.ask_of(desk.root, serial).state == "revoked"


def test_no_answer_about_a_ca_outlives_the_roots_crl(desk: Desk) -> None:
    desk.revoke_ca(desk.root, NOW - 365 * DAY + 10 * MINUTE)
    answer = desk.ask_of(desk.root, desk.issuer.certificate.serial_hex)
    assert answer.ends == [10 * MINUTE]


@pytest.mark.parametrize("gone", [True, False])
def test_without_a_valid_crl_of_the_root_nothing_is_said_about_cas(
    desk: Desk, gone: bool, caplog: pytest.LogCaptureFixture
) -> None:
    if gone:
        desk.root_crl = None
    else:
        desk.revoke_ca(desk.root, NOW - 365 * DAY)
    assert desk.ask_of(desk.root, desk.issuer.certificate.serial_hex).error == "TRY_LATER"
    assert "CRL of CN=Root" in caplog.text
    assert desk.ask(NOBODYS).state == "unknown", "which is no matter of the issuing CA's"


def test_a_crl_that_is_not_the_roots_is_a_fault(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.root_crl = hierarchy_of("p-256").crl
    assert desk.ask_of(desk.root, desk.issuer.certificate.serial_hex).error == "INTERNAL_ERROR"
    assert "is not the root's" in caplog.text


def test_a_root_that_delegated_nobody_is_unauthorized(desk: Desk) -> None:
    desk.root_shelf.identities.clear()
    assert desk.ask_of(desk.root, desk.issuer.certificate.serial_hex).error == "UNAUTHORIZED"


def test_a_roots_responder_that_has_ended_never_signs(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.now = NOW + 365 * DAY
    assert desk.ask_of(desk.root, desk.issuer.certificate.serial_hex).error == "TRY_LATER"
    assert "no valid OCSP responder" in caplog.text


def test_no_answer_outlives_its_responder(desk: Desk) -> None:
    record = desk.issue()
    desk.ask(record.serial)
    desk.shelf.away = True  # nobody renews it
    for left in (30 * MINUTE, 2 * MINUTE, SECOND):
        desk.now = NOW + LIFE - left
        answer = desk.ask(record.serial, NOBODYS)
        assert answer.ends == [left, min(left, PASSING)]
        assert ocsp_findings(answer.der) == []


def test_an_expired_responder_never_signs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    record = desk.issue()
    desk.ask(record.serial)

    def away(_: object) -> None:
        raise KeyUnavailable("the CA key is away")

    monkeypatch.setattr("tests.revocation.desk.make_identity", lambda *_, **__: away(None))
    desk.now = NOW + LIFE
    for _ in range(3):
        assert desk.ask(record.serial).error == "TRY_LATER"
    assert "the CA key is away" in caplog.text


def test_a_responder_that_could_not_be_made_is_made_at_the_next_chance(desk: Desk) -> None:
    desk.shelf.away = True
    assert desk.ask(NOBODYS).error == "TRY_LATER"
    desk.shelf.away = False
    desk.now += 10 * SECOND
    assert desk.ask(NOBODYS).state == "unknown"


def test_storage_that_is_away_is_try_later(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    record = desk.issue()
    desk.ask(record.serial)

    def away() -> None:
        raise StoreUnavailable("the table is away")

    desk.watched.before["find"] = away
    desk.ticks += 1
    with caplog.at_level(logging.ERROR):
        assert desk.ask(record.serial).error == "TRY_LATER"
    assert "the table is away" in caplog.text


def test_a_fault_of_ours_is_an_internal_error(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    desk.watched.before["find"] = lambda: 1 // 0
    assert desk.ask(NOBODYS).error == "INTERNAL_ERROR"
    assert "ZeroDivisionError" in caplog.text


TABLE: dict[type[PKIError], str] = {
    errors.MalformedMessage: "MALFORMED_REQUEST",
    errors.IntegrityFailure: "MALFORMED_REQUEST",
    errors.AlgorithmRefused: "MALFORMED_REQUEST",
    errors.ChallengeRejected: "MALFORMED_REQUEST",
    errors.PolicyViolation: "MALFORMED_REQUEST",
    errors.UnknownCertificate: "UNAUTHORIZED",
    errors.RateExceeded: "TRY_LATER",
    errors.KeyUnavailable: "TRY_LATER",
    errors.StoreUnavailable: "TRY_LATER",
    errors.IntuneUnavailable: "TRY_LATER",
    errors.IssuerUnavailable: "TRY_LATER",
    errors.IssuancePending: "TRY_LATER",
    errors.Overloaded: "TRY_LATER",
    errors.Conflict: "TRY_LATER",
    errors.IdReused: "MALFORMED_REQUEST",
    errors.IssuanceFault: "INTERNAL_ERROR",
}


@pytest.mark.parametrize("kind", leaves())
def test_every_error_has_its_answer_and_tells_nothing(
    kind: type[PKIError], caplog: pytest.LogCaptureFixture
) -> None:
    reason = "vault scepter-kv answered 403"
    with caplog.at_level(logging.INFO):
        answer = Answer(failure(kind(reason)))
    assert answer.error == TABLE[kind]
    assert len(answer.der) == 5
    assert answer.response.fresh is None
    assert reason in caplog.text


def test_threads_get_right_answers_all_at_once(desk: Desk) -> None:
    good, revoked = desk.issue(), desk.issue()
    desk.revoke(revoked)
    asked = {good.serial: "good", revoked.serial: "revoked", NOBODYS: "unknown"}
    calls = [lambda serial=serial: desk.ask(serial).state for serial in asked] * 8
    assert in_threads(calls) == list(asked.values()) * 8
    assert desk.made == 1


def test_the_time_of_what_is_remembered_is_told_as_it_was(desk: Desk) -> None:
    record = desk.issue()
    desk.ask(record.serial)
    desk.now, desk.ticks = NOW + SECOND, 0.9
    answer = desk.ask(record.serial)
    assert answer.singles[0].this_update_utc == NOW
    assert answer.read.produced_at_utc == NOW + SECOND
    assert answer.ends == [USUAL]


def test_lives_are_no_dates_of_the_record(desk: Desk) -> None:
    """An expired certificate is answered like any other, as long as it is on record."""
    record = desk.issue()
    desk.now = record.not_after + timedelta(days=1)
    assert desk.ask(record.serial).state == "good"
