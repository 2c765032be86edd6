"""Parcels are taken in once, removed whole, and moved from one import key to the next."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import (
    AlgorithmRefused,
    IntegrityFailure,
    KeyUnavailable,
    MalformedMessage,
    PolicyViolation,
    UnknownCertificate,
)
from shared.pfx.import_keys import UnknownImportKey, opened
from shared.pfx.parcel_order import ParcelOrder, body_limit
from shared.store.parcels import Parcel, Purpose
from tests.ca.stores import in_threads
from tests.pfx.imported_site import ImportSite
from tests.pfx.mail import PASSWORD, USER, holder
from tests.scep.authority import NOW


@pytest.fixture
def site() -> ImportSite:
    return ImportSite()


def test_a_parcel_is_kept_as_it_came(site: ImportSite) -> None:
    order = site.order(holder())
    parcel, repeated = site.parcels.take(order, by="ann the admin")
    assert not repeated
    assert site.blobs.read(parcel.blob, 10**6) == order.pfx
    assert (parcel.imported_by, parcel.imported_at, parcel.size) == ("ann the admin", NOW, len(order.pfx))
    assert site.parcels.find("ANN@example.org", parcel.thumbprint.upper()) == parcel
    with opened(site.keys, parcel.password) as secret:
        assert secret.decode() == PASSWORD


def test_it_is_taken_in_once(site: ImportSite) -> None:
    first, _ = site.parcels.take(site.order(holder("a")), by="one")
    owner = holder("a")
    exported_again = replace(site.order(owner), thumbprint=first.thumbprint)
    for order in (exported_again, exported_again):
        again, repeated = site.parcels.take(order, by="two")
        assert repeated
        assert again == first
    assert len(list(site.store.all())) == len(site.blobs.blobs) == 1


def test_two_at_once_take_it_in_once(site: ImportSite) -> None:
    order = site.order(holder())
    found = in_threads([lambda: site.parcels.take(order, by="tests") for _ in range(8)])
    assert sorted(repeated for _, repeated in found) == [False, *[True] * 7]
    assert len({parcel.blob for parcel, _ in found}) == 1


def test_another_purpose_wants_the_old_one_deleted(site: ImportSite) -> None:
    order = site.order(holder())
    site.parcels.take(order, by="tests")
    with pytest.raises(PolicyViolation, match="already, for smimeEncryption; delete it first"):
        site.parcels.take(replace(order, purpose=Purpose.SIGNING), by="tests")


def test_a_version_that_is_not_told_is_found_and_kept(site: ImportSite) -> None:
    site.keys.count = 2
    order = site.order(holder(), number=1)
    parcel, _ = site.parcels.take(replace(order, password=replace(order.password, version="")), by="tests")
    assert parcel.password.version == "v1"


def test_what_cannot_be_delivered_is_not_taken_in(site: ImportSite) -> None:
    order = site.order(holder())
    password = order.password
    wrong = [
        (replace(order, pfx=order.pfx[:-1]), MalformedMessage, "cut off"),
        (replace(order, pfx=bytes(site.largest + 1)), MalformedMessage, "are taken at most"),
        (replace(order, pfx=b"junk"), MalformedMessage, "not a PFX"),
        (replace(order, padding="oaepSha512"), AlgorithmRefused, "oaepSha512"),
        (replace(order, password=replace(password, key="theirs")), UnknownImportKey, "theirs"),
        (replace(order, password=replace(password, version="v7")), UnknownImportKey, "v7"),
        (replace(order, password=replace(password, ciphertext=bytes(256))), IntegrityFailure, "not open"),
    ]
    for each, error, told in wrong:
        with pytest.raises(error, match=told):
            site.parcels.take(each, by="tests")
    assert list(site.store.all()) == []
    assert site.blobs.blobs == {}


def test_five_megabytes_are_told_in_plain_numbers(site: ImportSite) -> None:
    with pytest.raises(MalformedMessage, match=r"5,242,880 bytes, and 262,144 are taken at most"):
        site.parcels.take(replace(site.order(holder()), pfx=bytes(5 * 2**20)), by="tests")


def test_a_parcel_is_removed_with_its_file(site: ImportSite) -> None:
    parcel = site.keep()
    site.parcels.remove(USER.upper(), parcel.thumbprint, by="tests")
    assert list(site.store.all()) == []
    assert site.blobs.blobs == {}
    with pytest.raises(UnknownCertificate):
        site.parcels.remove(USER, parcel.thumbprint, by="tests")


def test_a_removal_that_was_cut_off_can_be_done_again(site: ImportSite) -> None:
    parcel = site.keep()
    site.blobs.remove(parcel.blob)
    site.parcels.remove(USER, parcel.thumbprint, by="tests")
    assert list(site.store.all()) == []


def fill(site: ImportSite, count: int) -> list[Parcel]:
    """Parcels of as many users, sealed to the first key; then there is a second one."""
    kept = []
    for number in range(count):
        user = f"user{number}@example.org"
        kept.append(site.keep(holder("shared", mail=(user,)), user=user, password=f"{PASSWORD} {number}"))
    site.keys.count = 2
    return kept


def versions(site: ImportSite) -> list[str]:
    return [parcel.password.version for parcel in site.store.all()]


def test_passwords_move_to_the_current_key_some_at_a_time(site: ImportSite) -> None:
    kept = fill(site, 7)
    start, rounds = "", 0
    while True:
        done = site.parcels.rekey(start, 3)
        rounds += 1
        assert done.failures == ()
        start = done.next
        if not start:
            break
        assert done.moved == 3
    assert rounds == 3
    assert versions(site) == ["v2"] * 7
    for number, parcel in enumerate(kept):
        with opened(site.keys, site.parcels.find(parcel.user, parcel.thumbprint).password) as secret:
            assert secret.decode() == f"{PASSWORD} {number}"


def test_going_on_passes_over_what_is_done(site: ImportSite) -> None:
    fill(site, 5)
    site.parcels.rekey("", 2)
    calls = site.keys.calls
    assert site.parcels.rekey("", 50).moved == 3
    assert site.keys.calls == calls + 3
    assert site.parcels.rekey("", 50).moved == 0


def test_all_of_a_user_move_together(site: ImportSite) -> None:
    for number in range(3):
        site.keep(holder(f"ann {number}"))
    fill(site, 1)
    done = site.parcels.rekey("", 1)
    assert (done.moved, done.next) == (3, USER)
    assert site.parcels.rekey(done.next, 1).moved == 1


def test_what_does_not_open_is_named_and_the_rest_moves(site: ImportSite) -> None:
    kept = fill(site, 4)
    found = site.parcels.find(kept[1].user, kept[1].thumbprint)
    site.store.reseal(found, replace(found.password, ciphertext=bytes(256)))
    done = site.parcels.rekey("", 50)
    assert done.moved == 3
    assert [(parcel.user, "does not open" in why) for parcel, why in done.failures] == [(kept[1].user, True)]


def test_a_key_that_is_away_is_asked_once(site: ImportSite) -> None:
    fill(site, 4)
    site.keys.away = {"v1"}
    calls = site.keys.calls
    done = site.parcels.rekey("", 50)
    assert (done.moved, len(done.failures)) == (0, 4)
    assert site.keys.calls == calls + 1


def test_a_parcel_that_changes_meanwhile_is_left_to_whoever_changes_it(
    site: ImportSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    (parcel,) = fill(site, 1)
    seal, other = type(site.keys.versions()[0]).seal, site.seal("another")

    def late(*arguments: object) -> object:
        found = site.store.find(parcel.user, parcel.thumbprint)
        assert found is not None
        site.store.reseal(found, other)
        return seal(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("shared.pfx.import_keys.ImportKey.seal", late)
    assert site.parcels.rekey("", 50).moved == 0
    found = site.store.find(parcel.user, parcel.thumbprint)
    assert found is not None
    assert found.password == other


def test_keys_are_told_with_what_is_sealed_to_them(site: ImportSite) -> None:
    fill(site, 3)
    site.keep(holder("new"))
    site.keys.gone = {"v1"}
    told = [(version, count, key is not None) for key, _, version, count in site.parcels.count_by_key()]
    assert told == [("v2", 1, True), ("v1", 3, True)]
    site.keys.count = 1
    told = [(version, count, key is not None) for key, _, version, count in site.parcels.count_by_key()]
    assert told == [("v1", 3, True), ("v2", 1, False)]


def test_a_vault_that_is_away_is_told_as_such(site: ImportSite) -> None:
    order = site.order(holder())
    site.keys.away = {"v1"}
    with pytest.raises(KeyUnavailable):
        site.parcels.take(order, by="tests")


def test_an_order_comes_back_from_its_document(site: ImportSite) -> None:
    order = site.order(holder())
    body = json.dumps(order.document()).encode()
    assert ParcelOrder.parse(body) == order
    assert len(body) < body_limit(len(order.pfx))


OBJECTS = st.dictionaries(st.text(max_size=8), st.text(max_size=8)).map(
    lambda each: json.dumps(each).encode()
)


@given(st.binary(max_size=100) | OBJECTS)
def test_no_body_does_anything_else(body: bytes) -> None:
    with pytest.raises(MalformedMessage) as refused:
        ParcelOrder.parse(body)
    assert refused.value.public.startswith("The parcel: ")
