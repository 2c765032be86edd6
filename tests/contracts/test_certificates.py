"""CertificateStore and Inventory: claims, links, commits, and finding them again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from shared.errors import Conflict, IssuanceFault, MalformedMessage
from shared.store.ports import CertificateStore, Claim, Status
from tests.contracts import examples
from tests.contracts.backend import Backend, Store


def test_a_claim_comes_back_as_it_went(certificate_store: CertificateStore) -> None:
    claim = examples.claim()
    certificate_store.claim(claim)
    assert certificate_store.find_claim(claim.owner, claim.identity) == claim


def test_a_claim_without_challenge_comes_back_without(certificate_store: CertificateStore) -> None:
    claim = examples.claim(challenge_minted_at=None)
    certificate_store.claim(claim)
    assert certificate_store.find_claim(claim.owner, claim.identity) == claim


def test_nothing_is_found_where_nothing_is(certificate_store: CertificateStore) -> None:
    assert certificate_store.find_claim("device:none", "none") is None
    assert certificate_store.find(examples.ISSUER, examples.serial()) is None


def test_an_identity_is_claimed_once_and_the_first_stays(certificate_store: CertificateStore) -> None:
    first = examples.claim()
    certificate_store.claim(first)
    with pytest.raises(Conflict):
        certificate_store.claim(examples.claim(serial=examples.serial(number=9), tbs=b"other"))
    assert certificate_store.find_claim(first.owner, first.identity) == first


def test_an_identity_belongs_to_its_owner(certificate_store: CertificateStore) -> None:
    for owner in ("device:a", "device:b"):
        certificate_store.claim(examples.claim(owner=owner))
    found = certificate_store.find_claim("device:b", examples.claim().identity)
    assert found is not None
    assert found.owner == "device:b"


def test_sixteen_threads_claim_and_exactly_one_wins(backend: Backend) -> None:
    claims = [examples.claim(serial=examples.serial(number=n), tbs=bytes([n])) for n in range(16)]

    def attempt(claim: Claim) -> Claim | None:
        try:
            backend.store().claim(claim)
        except Conflict:
            return None
        return claim

    with ThreadPoolExecutor(16) as threads:
        winners = [claim for claim in threads.map(attempt, claims) if claim is not None]
    assert len(winners) == 1
    assert backend.store().find_claim(claims[0].owner, claims[0].identity) == winners[0]


def test_a_link_is_found_under_both_owners_and_names_the_first(store: Store) -> None:
    claim = examples.claim()
    store.claim(claim)
    for _ in range(2):
        store.link("user:ann@example.org", claim)
    assert list(store.owned_by("user:ann@example.org")) == [claim]
    assert list(store.owned_by(claim.owner)) == [claim]


def test_a_link_never_replaces_a_claim(certificate_store: CertificateStore) -> None:
    claim = examples.claim(owner="user:ann@example.org")
    certificate_store.claim(claim)
    certificate_store.link(claim.owner, examples.claim(tbs=b"another"))
    assert certificate_store.find_claim(claim.owner, claim.identity) == claim


def test_a_record_comes_back_as_it_went_with_an_etag(certificate_store: CertificateStore) -> None:
    record = examples.record()
    certificate_store.commit(record)
    found = certificate_store.find(record.issuer, record.serial)
    assert found == record
    assert found is not None
    assert found.etag
    assert found.status is Status.GOOD


def test_a_sparse_record_comes_back_as_it_went(certificate_store: CertificateStore) -> None:
    record = examples.record(
        certificate=None,
        sans=(),
        subject="",
        device="",
        user="",
        predecessor="",
        challenge_minted_at=None,
        revocation=examples.revocation(note=""),
    )
    certificate_store.commit(record)
    found = certificate_store.find(record.issuer, record.serial)
    assert found == record
    assert found is not None
    assert found.status is Status.REVOKED


def test_a_serial_is_committed_once(certificate_store: CertificateStore) -> None:
    certificate_store.commit(examples.record(certificate=None, revocation=examples.revocation()))
    with pytest.raises(Conflict):
        certificate_store.commit(examples.record())
    found = certificate_store.find(examples.ISSUER, examples.serial())
    assert found is not None
    assert found.certificate is None


def test_issuers_do_not_share_serials(certificate_store: CertificateStore) -> None:
    for issuer in ("aa" * 8, "bb" * 8):
        certificate_store.commit(examples.record(issuer=issuer, subject=f"CN={issuer}"))
    found = certificate_store.find("bb" * 8, examples.serial())
    assert found is not None
    assert found.subject == f"CN={'bb' * 8}"


@pytest.mark.parametrize("serial", ["01", "00ff", "f" * 40, "ab" * 19, "0" * 38])
def test_serials_of_others_have_a_place_too(store: Store, serial: str) -> None:
    record = examples.record(serial=serial)
    store.commit(record)
    assert store.find(record.issuer, serial) == record
    assert list(store.records(record.issuer)) == [record]


@pytest.mark.parametrize("awkward", examples.AWKWARD_IDS, ids=lambda text: ascii(text)[:20])
def test_awkward_ids_are_kept(store: Store, awkward: str) -> None:
    claim = examples.claim(owner=f"device:{awkward}", identity=awkward, profile=awkward)
    store.claim(claim)
    store.link(f"user:{awkward}", claim)
    assert store.find_claim(f"device:{awkward}", awkward) == claim
    assert store.find_claim(f"user:{awkward}", awkward) == claim
    assert list(store.owned_by(f"device:{awkward}")) == [claim]
    record = examples.record(issuer=awkward, owner=awkward, subject=awkward, sans=(awkward, awkward))
    store.commit(record)
    assert store.find(awkward, record.serial) == record
    assert list(store.records(awkward)) == [record]


def test_awkward_ids_do_not_meet(store: Store) -> None:
    for awkward in examples.AWKWARD_IDS:
        store.claim(examples.claim(identity=awkward))
    owned = store.owned_by(examples.claim().owner)
    assert sorted(claim.identity for claim in owned) == sorted(examples.AWKWARD_IDS)


def test_owners_with_a_common_beginning_are_kept_apart(store: Store) -> None:
    for owner in ("device:1", "device:12", "device:1 ", "device:1-"):
        store.claim(examples.claim(owner=owner))
    assert [claim.owner for claim in store.owned_by("device:1")] == ["device:1"]


def test_records_come_by_day_of_not_after(store: Store) -> None:
    days = (300, 10, 200, 11, 100)
    serials = [
        examples.serial(spread, ends=examples.NOW + timedelta(days=day), number=day)
        for spread, day in enumerate(days)
    ]
    for serial in serials:
        store.commit(examples.record(serial=serial))
    assert [record.serial for record in store.records(examples.ISSUER)] == sorted(serials)


def test_records_of_other_issuers_stay_out(store: Store) -> None:
    for issuer in ("aa", "aa-1", "aaa", "a", "ab"):
        store.commit(examples.record(issuer=issuer))
    assert [record.issuer for record in store.records("aa")] == ["aa"]


def test_records_have_the_etag_of_the_point_read(store: Store) -> None:
    store.commit(examples.record())
    found = store.find(examples.ISSUER, examples.serial())
    assert found is not None
    assert [record.etag for record in store.records(examples.ISSUER)] == [found.etag]


@pytest.mark.parametrize("size", [62 * 1024, 20_000])
def test_a_large_tbs_is_kept(certificate_store: CertificateStore, size: int) -> None:
    claim = examples.claim(tbs=bytes(size))
    certificate_store.claim(claim)
    assert certificate_store.find_claim(claim.owner, claim.identity) == claim


def test_a_tbs_whose_certificate_would_not_fit_is_refused(certificate_store: CertificateStore) -> None:
    claim = examples.claim(tbs=bytes(62 * 1024 + 1))
    with pytest.raises(MalformedMessage):
        certificate_store.claim(claim)
    assert certificate_store.find_claim(claim.owner, claim.identity) is None


def test_the_largest_values_are_kept(certificate_store: CertificateStore) -> None:
    record = examples.record(certificate=bytes(64 * 1024), subject="x" * 32 * 1024, user="😀" * 16 * 1024)
    certificate_store.commit(record)
    assert certificate_store.find(record.issuer, record.serial) == record


@pytest.mark.parametrize(
    "changes",
    [
        {"certificate": bytes(64 * 1024 + 1)},
        {"subject": "x" * (32 * 1024 + 1)},
        {"user": "😀" * (16 * 1024 + 1)},
        {"sans": tuple(f"dns:{n}.example.org" for n in range(3000))},
        {"subject": "\ud800"},
    ],
)
def test_what_cannot_be_kept_is_refused(store: Store, changes: dict[str, object]) -> None:
    with pytest.raises(MalformedMessage):
        store.commit(examples.record(**changes))
    assert list(store.records(examples.ISSUER)) == []


def test_times_are_kept_to_the_second_and_need_a_zone(certificate_store: CertificateStore) -> None:
    record = examples.record()
    certificate_store.commit(replace(record, issued_at=record.issued_at.replace(microsecond=999_999)))
    assert certificate_store.find(record.issuer, record.serial) == record
    with pytest.raises(IssuanceFault):
        certificate_store.claim(examples.claim(claimed_at=examples.NOW.replace(tzinfo=None)))


def test_more_rows_than_a_page_holds_all_come(store: Store) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: store.claim(examples.claim(identity=f"{n:04d}")), range(1100)))
    assert [claim.identity for claim in store.owned_by(examples.claim().owner)] == [
        f"{n:04d}" for n in range(1100)
    ]
