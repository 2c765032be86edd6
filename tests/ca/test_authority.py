"""Issuing: what it costs, what goes on record, and what a repeat of the same order gets."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from hashlib import sha256

import pytest

from shared.ca.authority import CertificateAuthority, Order
from shared.errors import ChallengeRejected, IssuanceFault, RequestError, StoreUnavailable
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.service import RevocationService
from shared.store.memory import MemoryQueue, MemoryStore
from shared.x509.certificate import verify_signature
from shared.x509.names import Name
from shared.x509.serial import expiry_day
from tests.ca.stores import Worker, order, template
from tests.scep.authority import DAY, NOW, World


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def worker(store: MemoryStore) -> Worker:
    return Worker(store)


def test_a_devices_certificate_costs_two_storage_calls_and_one_signature(worker: Worker) -> None:
    worker.authority.issue(template(), order(), now=NOW)
    assert worker.cost() == {"claim": 1, "commit": 1, "sign": 1}


def test_a_users_certificate_on_a_device_costs_one_call_more(worker: Worker) -> None:
    worker.authority.issue(template(), order(user="ann@example.org"), now=NOW)
    assert worker.cost() == {"claim": 1, "link": 1, "commit": 1, "sign": 1}


@pytest.mark.parametrize("whose", [order(device="", user="ann@example.org"), order(device="")])
def test_one_owner_alone_costs_two_storage_calls(worker: Worker, whose: Order) -> None:
    worker.authority.issue(template(), whose, now=NOW)
    assert worker.cost() == {"claim": 1, "commit": 1, "sign": 1}


def test_a_repeat_costs_no_signature(worker: Worker) -> None:
    worker.authority.issue(template(), order(), now=NOW)
    worker.store.calls.clear()
    assert worker.authority.issue(template(), order(), now=NOW).repeated
    assert worker.cost() == {"claim": 1, "find_claim": 1, "find": 1, "sign": 1}


def test_the_record_says_who_what_and_why(worker: Worker, store: MemoryStore) -> None:
    whose = replace(order(device="DEV1", user="Ann@example.org"), predecessor="25aa" + "00" * 17)
    issued = worker.authority.issue(template(), whose, now=NOW)
    record = store.find(worker.issuer.id, issued.certificate.serial_hex)
    assert record is not None
    assert record == issued.record
    assert record.certificate == issued.certificate.der
    assert (record.owner, record.identity) == ("device:dev1", "challenge-1")
    assert (record.device, record.user) == ("DEV1", "Ann@example.org")
    assert (record.profile, record.vouched_by) == ("device", "sealed:tests")
    assert (record.subject, record.predecessor) == ("CN=dev1", whose.predecessor)
    assert (record.issued_at, record.challenge_minted_at) == (NOW, NOW)
    assert record.key_hash == sha256(template().spki).hexdigest()
    assert (record.not_before, record.not_after) == (NOW - DAY, NOW + 364 * DAY)


def test_owners_are_written_in_one_case_and_both_find_the_certificate(
    worker: Worker, store: MemoryStore
) -> None:
    issued = worker.authority.issue(template(), order(device="DEV1", user="Ann@Example.org"), now=NOW)
    for owner in ("device:dev1", "user:ann@example.org"):
        assert [claim.serial for claim in store.owned_by(owner)] == [issued.certificate.serial_hex]


def test_the_certificate_is_the_issuers_and_its_serial_knows_its_end(worker: Worker) -> None:
    certificate = worker.authority.issue(template(), order(), now=NOW).certificate
    verify_signature(certificate, worker.issuer.certificate.public_key)
    assert expiry_day(certificate.serial_hex) == certificate.not_after.date()


def test_a_serial_of_a_shortened_certificate_knows_the_end_it_has(worker: Worker) -> None:
    long = replace(template(), not_after=NOW + 9000 * DAY)
    certificate = worker.authority.issue(long, order(), now=NOW).certificate
    assert certificate.not_after == worker.issuer.certificate.not_after
    assert expiry_day(certificate.serial_hex) == certificate.not_after.date()


def test_a_repeat_within_a_day_gets_the_same_bytes(worker: Worker) -> None:
    first = worker.authority.issue(template(), order(), now=NOW)
    again = worker.authority.issue(template(), order(), now=NOW + DAY)
    assert again.certificate.der == first.certificate.der
    assert (first.repeated, again.repeated) == (False, True)


def test_a_repeat_after_a_day_is_a_replay(worker: Worker) -> None:
    worker.authority.issue(template(), order(), now=NOW)
    with pytest.raises(ChallengeRejected, match="older than 24 h"):
        worker.authority.issue(template(), order(), now=NOW + DAY + timedelta(seconds=1))


def test_the_same_identity_with_another_key_is_a_replay(worker: Worker) -> None:
    worker.authority.issue(template(0), order(), now=NOW)
    with pytest.raises(ChallengeRejected, match="another key"):
        worker.authority.issue(template(1), order(), now=NOW)
    assert worker.key.signatures == 1


@pytest.mark.parametrize(
    "respelt",
    [
        bytes.fromhex("300f310d300b0603550403130464657631"),  # PrintableString
        bytes.fromhex("300f310d300b06035504030c0444455631"),  # upper case
        bytes.fromhex("3013311130 0f0603550403 1e08 0064 0065 0076 0031".replace(" ", "")),  # BMPString
    ],
)
def test_a_subject_spelt_otherwise_is_no_second_use_of_an_ownerless_identity(
    worker: Worker, respelt: bytes
) -> None:
    nobody = order(device="")
    worker.authority.issue(template(0), nobody, now=NOW)
    with pytest.raises(ChallengeRejected, match="another key"):
        worker.authority.issue(template(1, Name.from_der(respelt)), nobody, now=NOW)


@pytest.mark.parametrize("reason", ["keyCompromise", "certificateHold"])
def test_a_repeat_of_what_was_revoked_gets_nothing(worker: Worker, store: MemoryStore, reason: str) -> None:
    issued = worker.authority.issue(template(), order(), now=NOW)
    revocations = RevocationService(store, CRLRequests(MemoryQueue(), lambda: NOW), lambda: NOW)
    revocations.revoke(issued.record.issuer, issued.record.serial, reason, by="tests")
    with pytest.raises(ChallengeRejected, match=r"is revoked|is held"):
        worker.authority.issue(template(), order(), now=NOW)
    if reason == "certificateHold":
        revocations.lift(issued.record.issuer, issued.record.serial)
        again = worker.authority.issue(template(), order(), now=NOW)
        assert again.certificate.der == issued.certificate.der


def test_what_was_never_served_is_found_nowhere(worker: Worker) -> None:
    found = worker.authority.find_repeat(order(), subject=template().subject, key_hash="00", now=NOW)
    assert found is None
    assert worker.cost() == {"find_claim": 1, "sign": 0}


def test_what_was_served_is_found_by_its_order(worker: Worker) -> None:
    issued = worker.authority.issue(template(), order(), now=NOW)
    found = worker.authority.find_repeat(
        order(), subject=template().subject, key_hash=issued.record.key_hash, now=NOW
    )
    assert found is not None
    assert found.certificate.der == issued.certificate.der
    with pytest.raises(ChallengeRejected):
        worker.authority.find_repeat(order(), subject=template().subject, key_hash="00", now=NOW)


@pytest.mark.parametrize("late", [timedelta(0), timedelta(hours=1), 400 * DAY])
def test_a_ca_that_has_ended_issues_nothing(worker: Worker, store: MemoryStore, late: timedelta) -> None:
    now = worker.issuer.certificate.not_after + late
    due = replace(template(), not_before=now - DAY, not_after=now + 364 * DAY)
    with pytest.raises(IssuanceFault, match="has ended"):
        worker.authority.issue(due, order(), now=now)
    assert list(store.owned_by("device:dev1")) == []


def test_a_request_that_storage_cannot_hold_is_refused_before_it_is_signed(worker: Worker) -> None:
    huge = template(subject=Name.build([("CN", "x" * 64_000)]))
    with pytest.raises(RequestError):
        worker.authority.issue(huge, order(), now=NOW)
    assert worker.key.signatures == 0


def test_a_repeat_across_a_change_of_issuer_gets_what_the_former_one_issued(
    worker: Worker, store: MemoryStore
) -> None:
    first = worker.authority.issue(template(), order(), now=NOW)
    successor = CertificateAuthority(World("p-384").issuer, store)
    assert successor.issue(template(), order(), now=NOW).certificate.der == first.certificate.der


def test_a_claim_that_a_former_issuer_left_unsigned_is_over(worker: Worker, store: MemoryStore) -> None:
    def away() -> None:
        raise StoreUnavailable("away")

    worker.store.before["commit"] = away
    with pytest.raises(StoreUnavailable):
        worker.authority.issue(template(), order(), now=NOW)
    with pytest.raises(ChallengeRejected, match="CA that is no more"):
        CertificateAuthority(World("p-384").issuer, store).issue(template(), order(), now=NOW)
