"""The full CRL: what it lists, when the next is due, what a publisher reads and what it refuses to build on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.asn1.pem import pem
from shared.errors import IssuanceFault
from shared.revocation.edition import newest
from shared.store.ports import Revocation, RevocationChange
from shared.x509.crl import verify_crl
from shared.x509.crl_list import EntryList
from shared.x509.crl_template import CRLTemplate, compose_crl, sign_crl
from tests.revocation.authority import LIFE, MINUTE, SECOND, Authority
from tests.scep.authority import DAY, NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def ca() -> Authority:
    return Authority()


def test_a_first_crl_is_empty_signed_and_in_time(ca: Authority) -> None:
    number = ca.publisher.publish()
    crl = ca.crl()
    verify_crl(crl.der, ca.issuer.certificate.public_key)
    assert (len(crl), crl.number) == (0, number)
    assert crl.number == int(NOW.timestamp())
    assert crl.this_update == NOW - 10 * MINUTE
    assert crl.next_update == NOW + LIFE
    assert crl.next_publish == NOW + LIFE / 2
    assert crl.issuer.encoded == ca.issuer.certificate.subject.encoded
    assert crl.authority_key_identifier == ca.issuer.certificate.subject_key_identifier


def test_a_revocation_is_listed_with_time_and_reason(ca: Authority) -> None:
    first, second = ca.issue(), ca.issue()
    ca.revoke(first, "superseded")
    ca.now += MINUTE
    ca.revoke(second, "unspecified")
    ca.publisher.publish()
    assert ca.listed() == {first.serial: "superseded", second.serial: None}
    entry = ca.crl().find(first.serial)
    assert entry is not None
    assert entry.at == NOW


def test_entries_stay_from_crl_to_crl_without_being_read_again(ca: Authority) -> None:
    record = ca.issue()
    ca.revoke(record)
    ca.publisher.publish()
    ca.now += 2 * DAY
    assert list(ca.store.changes(ca.issuer.id, ca.now - 15 * MINUTE)) == []
    ca.publisher.publish()
    assert ca.listed() == {record.serial: "keyCompromise"}


def test_a_hold_comes_and_goes(ca: Authority) -> None:
    record = ca.issue()
    ca.revoke(record, "certificateHold")
    ca.publisher.publish()
    assert ca.listed() == {record.serial: "certificateHold"}
    ca.now += 3 * HOUR
    ca.lift(record)
    ca.publisher.publish()
    assert ca.listed() == {}
    ca.now += 3 * HOUR
    ca.revoke(record, "certificateHold")
    ca.now += HOUR
    ca.revoke(record, "keyCompromise")
    ca.publisher.publish()
    assert ca.listed() == {record.serial: "keyCompromise"}


def test_numbers_rise_even_within_one_second_and_when_the_clock_goes_back(ca: Authority) -> None:
    numbers = [ca.publisher.publish() for _ in range(3)]
    ca.now -= DAY
    numbers.append(ca.publisher.publish())
    ca.now += 3 * DAY
    numbers.append(ca.publisher.publish())
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == int(ca.now.timestamp())
    assert ca.crl().number == numbers[-1]


def test_the_next_is_due_at_half_life(ca: Authority) -> None:
    assert ca.publisher.is_due(), "there is none yet"
    ca.publisher.publish()
    assert not ca.publisher.is_due()
    published = ca.crl().this_update
    ca.now = published + LIFE / 2 - SECOND
    assert not ca.publisher.is_due()
    ca.now = published + LIFE / 2
    assert ca.publisher.is_due()


def test_a_change_that_is_covered_publishes_nothing(ca: Authority) -> None:
    record = ca.issue()
    ca.revoke(record)
    changed_at, ca.now = ca.now, ca.now + 5 * SECOND
    assert ca.publisher.publish_change(changed_at)
    before = dict(ca.publications._blobs)
    ca.now += HOUR
    assert not ca.publisher.publish_change(changed_at)
    assert ca.publications._blobs == before


@pytest.mark.parametrize("behind", [0, 1, 2])
def test_a_change_by_a_clock_that_is_a_little_behind_is_not_taken_for_covered(
    ca: Authority, behind: int
) -> None:
    ca.publisher.publish()
    ca.now -= behind * SECOND
    record = ca.issue()
    ca.revoke(record)
    changed_at, ca.now = ca.now, NOW + 5 * SECOND
    assert ca.publisher.publish_change(changed_at)
    assert record.serial in ca.listed()


def test_a_publisher_whose_clock_was_ahead_hides_no_change(ca: Authority) -> None:
    ca.now += 3 * HOUR
    ca.publisher.publish()
    number, ca.now = ca.crl().number, NOW + MINUTE
    record = ca.issue()
    ca.revoke(record)
    changed_at, ca.now = ca.now, ca.now + 5 * SECOND
    assert ca.publisher.publish_change(changed_at)
    assert record.serial in ca.listed()
    assert ca.crl().number > number
    assert not ca.publisher.publish_change(changed_at)
    assert ca.publisher.changes_needed_since() == ca.now - 7 * DAY


def test_the_first_request_publishes_whatever_its_time(ca: Authority) -> None:
    assert ca.publisher.publish_change(NOW - DAY)


@pytest.mark.parametrize("late", [SECOND, 14 * MINUTE])
def test_a_change_row_that_was_written_late_is_caught_by_the_overlap(ca: Authority, late: timedelta) -> None:
    """A slow worker's row carries an old time and arrives after the publisher read."""
    record = ca.issue()
    ca.publisher.publish()
    revocation = Revocation("keyCompromise", NOW - late, "slow")
    ca.store.note_change(RevocationChange(ca.issuer.id, record.serial, NOW - late, revocation))
    ca.now += MINUTE
    ca.publisher.publish()
    assert record.serial in ca.listed()


def test_of_several_changes_the_newest_counts(ca: Authority) -> None:
    held = Revocation("certificateHold", NOW, "a")
    rows = [
        RevocationChange("i", "25", NOW + minutes * MINUTE, held if minutes % 2 else None)
        for minutes in range(4)
    ]
    for order in (rows, rows[::-1], [rows[2], rows[3], rows[0], rows[1]]):
        assert list(newest(order)) == [rows[3]]


def test_an_expired_entry_leaves_only_after_one_crl_past_its_end(ca: Authority) -> None:
    ends = NOW + 10 * DAY
    record, other = ca.issue(ends=ends), ca.issue()
    ca.revoke(record)
    ca.revoke(other)
    seen = []
    for day in (1, 9, 10, 12, 13):
        ca.now = NOW + day * DAY
        ca.publisher.publish()
        seen.append(record.serial in ca.listed())
    assert seen == [True, True, True, True, False], "on the CRL of day 12, then gone"
    assert other.serial in ca.listed()


def test_a_change_of_an_entry_that_left_does_not_bring_it_back(ca: Authority) -> None:
    record = ca.issue(ends=NOW + DAY)
    ca.now = NOW + 3 * DAY
    ca.publisher.publish()
    ca.now += DAY
    ca.publisher.publish()
    ca.revoke(record)
    ca.publisher.publish()
    assert ca.listed() == {}


def test_the_pem_copy_is_the_published_crl(ca: Authority) -> None:
    ca.publisher.publish()
    copy = ca.publications.read(f"{ca.publisher.name}.pem")
    assert copy is not None
    assert copy.data == pem("X509 CRL", ca.crl().der)
    headers = {
        name.rsplit("/", 1)[1]: value["Content-Type"] for name, value in ca.publications.headers.items()
    }
    assert headers == {
        f"{ca.issuer.id}.crl": "application/pkix-crl",
        f"{ca.issuer.id}.crl.pem": "application/x-pem-file",
    }


@pytest.mark.parametrize("spoilt", ["junk", "stranger's", "cut", "no cursor", "bad cursor"])
def test_a_blob_that_we_did_not_publish_stops_the_publisher(ca: Authority, spoilt: str) -> None:
    ca.publisher.publish()
    ours = ca.publications.read(ca.publisher.name)
    assert ours is not None
    stranger = Authority("p-384")
    stranger.publisher.publish()
    data = {"junk": b"junk", "stranger's": stranger.crl().der, "cut": ours.data[:-1]}.get(spoilt, ours.data)
    cursor = {"no cursor": {}, "bad cursor": {"cursor": "soon"}}.get(spoilt, dict(ours.metadata))
    ca.publications.put(
        ca.publisher.name, data, content_type="x/y", max_age=1, metadata=cursor, overwrite=True
    )
    acts: list[Callable[[], object]] = [
        ca.publisher.publish,
        lambda: ca.publisher.publish_change(ca.now),
        ca.publisher.full,
    ]
    if "cursor" in spoilt:  # the rest does not show without reading it all
        acts.append(ca.publisher.is_due)
    for act in acts:
        with pytest.raises(IssuanceFault, match="not a CRL that we published"):
            act()
    left = ca.publications.read(ca.publisher.name)
    assert left is not None
    assert left.data == data


@pytest.mark.parametrize("spoilt", ["signature", "number", "entries", "bytes", "time", "pointer"])
def test_a_crl_that_came_out_wrong_is_never_published(
    ca: Authority, monkeypatch: pytest.MonkeyPatch, spoilt: str
) -> None:
    ca.revoke(ca.issue())

    def compose(template: CRLTemplate, entries: EntryList, **named: Any) -> bytes:
        if spoilt == "number":
            template = replace(template, number=template.number + 1)
        if spoilt == "entries":
            entries = EntryList(b"", 0, 0)
        if spoilt == "time":
            template = replace(template, next_update=template.next_update + LIFE)
        if spoilt == "pointer":
            template = replace(template, freshest="http://pki.example.org/elsewhere.crl")
        return compose_crl(template, entries, **named)

    def sign(*given: Any) -> bytes:
        der = bytearray(sign_crl(*given))
        if spoilt == "signature":
            der[-1] ^= 1
        return b"junk" if spoilt == "bytes" else bytes(der)

    monkeypatch.setattr("shared.revocation.crl_signing.compose_crl", compose)
    monkeypatch.setattr("shared.revocation.crl_signing.sign_crl", sign)
    with pytest.raises(IssuanceFault, match="does not"):
        ca.publisher.publish()
    assert ca.publications.headers == {}


def test_many_revocations_are_listed_in_one_crl(ca: Authority) -> None:
    serials = {f"27aa{number:034x}" for number in range(3000)}
    for serial in serials:
        revocation = Revocation("cessationOfOperation", datetime(2026, 11, 20, tzinfo=UTC), "mass")
        ca.store.note_change(RevocationChange(ca.issuer.id, serial, NOW, revocation))
    ca.publisher.publish()
    assert ca.listed().keys() == serials
