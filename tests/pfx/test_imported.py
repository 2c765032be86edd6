"""Deliveries of imported PFX: which parcels, once in effect, and failures that hold nobody up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.errors import (
    AlgorithmRefused,
    ChallengeRejected,
    KeyUnavailable,
    MalformedMessage,
    PolicyViolation,
    StoreUnavailable,
)
from shared.pfx.imported_request import delivery_id
from shared.pfx.order import ResultTarget
from shared.pfx.packing import MOST_PARCELS, PATIENCE, AllFailed
from shared.store.parcels import Purpose
from shared.store.pfx_requests import RequestState
from tests.ca.stores import in_threads
from tests.pfx.imported_site import ImportSite, brought, device_key, opened, request
from tests.pfx.mail import PASSWORD, USER, holder, signer
from tests.scep.authority import DAY, NOW

YEAR = 365 * DAY


@pytest.fixture
def site() -> ImportSite:
    return ImportSite()


def passwords(site: ImportSite, made: Any, certificate: bytes) -> dict[str, str]:
    """By thumbprint, as the device reads them."""
    items = site.delivered(made).items
    return {item.thumbprint: opened(item, certificate, device_key()) for item in items}


def test_what_is_stored_reaches_the_device_untouched(site: ImportSite) -> None:
    device, owner = site.enrol(), holder()
    site.keep(owner)
    pfx = next(data for name, (data, _) in site.blobs.blobs.items() if name.startswith("stored/"))
    asked = request()
    entry = site.service.handle(asked)
    (item,) = site.delivered(asked).items
    assert item.pfx == pfx
    assert device.certificate is not None
    assert passwords(site, asked, device.certificate) == {owner.thumbprint: PASSWORD}
    assert (entry.state, entry.recipient, entry.failure) == (RequestState.DELIVERED, device.serial, "")
    assert site.requests.find("mdm", "request-1") == entry


def test_old_certificates_decrypt_and_the_newest_signs(site: ImportSite) -> None:
    site.enrol()
    new, old = holder("ann", begins=NOW - 10 * DAY), holder("ann 2", begins=NOW - 3 * YEAR, life=YEAR)
    latest = signer("ann signs", begins=NOW - 5 * DAY)
    earlier = signer("ann signs 2", begins=NOW - 30 * DAY, life=3 * YEAR)
    ended = signer("ann signs 3", begins=NOW - 2 * DAY, life=DAY)
    future = signer("ann signs 4", begins=NOW + DAY)
    for each in (new, old):
        site.keep(each)
    for each in (latest, earlier, ended, future):
        site.keep(each, purpose=Purpose.SIGNING)
    site.keep(holder("bob", mail=("bob@example.org",)), user="bob@example.org")
    site.service.handle(request())
    told = [(item.thumbprint, item.purpose) for item in site.delivered(request()).items]
    assert told == [
        (new.thumbprint, "smimeEncryption"),
        (old.thumbprint, "smimeEncryption"),
        (latest.thumbprint, "smimeSigning"),
    ]
    only = request("request-2", purposes=[Purpose.SIGNING])
    site.service.handle(only)
    assert [item.thumbprint for item in site.delivered(only).items] == [latest.thumbprint]


def test_a_parcel_may_come_with_the_request(site: ImportSite) -> None:
    device, owner = site.enrol(), holder()
    asked = request(parcel=brought(site, owner))
    site.service.handle(asked)
    assert device.certificate is not None
    assert passwords(site, asked, device.certificate) == {owner.thumbprint: PASSWORD}
    assert list(site.store.all()) == []


@pytest.mark.parametrize("version", ["", "v1", "v2"])
def test_a_brought_password_may_leave_the_version_of_its_key_open(site: ImportSite, version: str) -> None:
    site.keys.count = 2
    site.enrol()
    parcel = brought(site, holder(), ciphertext=site.seal(number=int(version[1:] or 1)).ciphertext)
    entry = site.service.handle(request(parcel=replace(parcel, key_version=version)))
    assert entry.state is RequestState.DELIVERED


def test_a_repeat_changes_nothing(site: ImportSite) -> None:
    site.enrol()
    site.keep()
    first = site.service.handle(request())
    stands, calls = site.deliveries.find(request().delivery), site.keys.calls
    site.keep(holder("ann 2"))
    site.now += DAY
    assert site.service.handle(request()) == first
    assert site.deliveries.find(request().delivery) == stands
    assert site.keys.calls == calls + 1, "the import, and no opening for the repeat"


def test_the_same_id_of_another_caller_is_another_request(site: ImportSite) -> None:
    site.enrol()
    site.keep()
    for caller in ("mdm", "anyone"):
        assert site.service.handle(request(caller=caller)).state is RequestState.DELIVERED
    found = [site.deliveries.find(request(caller=caller).delivery) for caller in ("mdm", "anyone")]
    assert None not in found
    assert found[0] != found[1]


def test_an_id_means_one_request(site: ImportSite) -> None:
    site.enrol()
    site.enrol("dev2")
    site.keep()
    first = site.service.handle(request())
    for refuse in (site.service.handle, site.service.accept):
        with pytest.raises(MalformedMessage, match="made before, and otherwise"):
            refuse(request(device="dev2"))
    assert site.requests.find("mdm", "request-1") == first
    assert site.delivered(request()).device == "dev1"


def test_twins_at_the_same_time_end_with_one_delivery(site: ImportSite) -> None:
    site.enrol()
    site.keep()
    entries = in_threads([lambda: site.worker().handle(request()) for _ in range(8)])
    assert [entry.state for entry in entries] == [RequestState.DELIVERED] * 8
    assert len({entry.parts for entry in entries}) == 1
    assert len(list(site.kept.all())) == 1


class Crash(BaseException):
    """The worker's process ends here."""


class Dying:
    """A part whose method `at` is where the worker dies: before the call, or after it."""

    def __init__(self, part: Any, at: str, *, after: bool) -> None:
        self._part, self._at, self._after = part, at, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name != self._at:
            return found

        def call(*arguments: Any, **named: Any) -> Any:
            if self._after:
                found(*arguments, **named)
            raise Crash

        return call


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize(
    ("part", "method"),
    [
        ("requests", "begin"),
        ("blobs", "read"),
        ("sealer", "seal"),
        ("deliveries", "put"),
        ("requests", "deliver"),
    ],
)
def test_a_worker_that_dies_leaves_nothing_that_the_next_one_cannot_finish(
    site: ImportSite, part: str, method: str, after: bool
) -> None:
    device = site.enrol()
    owner = holder()
    site.keep(owner)
    with pytest.raises(Crash):
        site.worker(**{part: Dying(getattr(site, part), method, after=after)}).handle(request())
    before = site.deliveries.find(request().delivery)
    entry = site.service.handle(request())
    assert entry.state is RequestState.DELIVERED
    assert before in (None, site.deliveries.find(request().delivery))
    assert device.certificate is not None
    assert passwords(site, request(), device.certificate) == {owner.thumbprint: PASSWORD}


def test_what_is_on_record_is_what_was_delivered_by_the_worker_that_died(site: ImportSite) -> None:
    site.enrol()
    good, bad = holder("ann"), holder("ann 2")
    site.keep(good)
    gone = site.keep(bad)
    site.blobs.remove(gone.blob)
    with pytest.raises(Crash):
        site.worker(requests=Dying(site.requests, "deliver", after=False)).handle(request())
    site.blobs.put(gone.blob, bad.pfx())
    entry = site.service.handle(request())
    failures = {part.thumbprint: part.failure for part in entry.parts}
    assert failures == {good.thumbprint: "", bad.thumbprint: "The PFX file is not there."}


def test_a_twin_that_was_first_has_the_say(site: ImportSite) -> None:
    site.enrol()
    good, order = holder("ann"), site.order(holder("ann 2"))
    site.keep(good)
    parcel, _ = site.parcels.take(order, by="tests")
    site.blobs.remove(parcel.blob)

    class Late:
        def put(self, *arguments: Any, **named: Any) -> bytes:
            site.blobs.put(parcel.blob, order.pfx)
            assert not any(part.failure for part in site.service.handle(request()).parts)
            return site.deliveries.put(*arguments, **named)

    entry = site.worker(deliveries=Late()).handle(request())
    assert not any(part.failure for part in entry.parts)
    assert site.requests.find("mdm", "request-1") == entry


def test_a_delivery_that_stands_is_delivered_whatever_happens_afterwards(site: ImportSite) -> None:
    device = site.enrol()
    parcel = site.keep()
    with pytest.raises(Crash):
        site.worker(requests=Dying(site.requests, "deliver", after=False)).handle(request())
    site.world.revocations.revoke(device.issuer, device.serial, "keyCompromise", by="tests")
    site.parcels.remove(parcel.user, parcel.thumbprint, by="tests")
    calls = site.keys.calls
    entry = site.service.handle(request())
    assert (entry.state, entry.recipient) == (RequestState.DELIVERED, device.serial)
    assert site.keys.calls == calls


def damaged(site: ImportSite, how: str) -> tuple[str, str]:
    """A parcel that cannot be delivered: its thumbprint, and what is told of it."""
    owner = holder("damaged")
    parcel = site.keep(owner)
    if how == "truncated":
        site.blobs.put(parcel.blob, owner.pfx()[:-100])
        return owner.thumbprint, "cut off"
    if how == "another file":
        site.blobs.put(parcel.blob, holder("other").pfx())
        return owner.thumbprint, "not the one that was imported"
    if how == "too large":
        site.blobs.put(parcel.blob, bytes(site.largest + 1))
        return owner.thumbprint, "more than 256 KiB"
    foreign = replace(parcel.password, ciphertext=bytes(256))
    chosen = {
        "foreign password": (foreign, "sealed to another key"),
        "foreign key": (replace(parcel.password, key="somebody's"), "not one of ours"),
        "unknown version": (replace(parcel.password, version="v9"), "not one of ours"),
    }
    password, told = chosen[how]
    found = site.store.find(USER, owner.thumbprint)
    assert found is not None
    site.store.reseal(found, password)
    return owner.thumbprint, told


@pytest.mark.parametrize(
    "how", ["truncated", "another file", "too large", "foreign password", "foreign key", "unknown version"]
)
def test_a_parcel_that_fails_takes_no_other_with_it(site: ImportSite, how: str) -> None:
    site.enrol()
    good = holder("ann")
    site.keep(good)
    thumbprint, told = damaged(site, how)
    entry = site.service.handle(request())
    assert entry.state is RequestState.DELIVERED
    failures = {part.thumbprint: part.failure for part in entry.parts}
    assert failures[good.thumbprint] == ""
    assert told in failures[thumbprint]
    parcel = site.store.find(USER, thumbprint)
    assert parcel is not None
    assert parcel.failure
    assert parcel.failed_at == NOW
    assert [part.thumbprint for part in site.delivered(request()).failures] == [thumbprint]


def test_a_request_that_failed_is_tried_again_when_it_comes_again(site: ImportSite) -> None:
    site.enrol()
    owner = holder()
    pfx = site.order(owner)
    parcel, _ = site.parcels.take(pfx, by="tests")
    site.blobs.remove(parcel.blob)
    with pytest.raises(AllFailed, match="there is no blob"):
        site.service.handle(request())
    known = site.requests.find("mdm", "request-1")
    assert known is not None
    assert (known.state, known.failure) == (RequestState.FAILED, "The PFX file is not there.")
    site.blobs.put(parcel.blob, pfx.pfx)
    assert site.service.handle(request()).state is RequestState.DELIVERED
    found = site.store.find(USER, owner.thumbprint)
    assert found is not None
    assert (found.failure, found.failed_at) == ("", None)


def test_a_vault_that_is_away_is_waited_for(site: ImportSite) -> None:
    site.enrol()
    site.keep()
    site.keys.away = {"v1"}
    for attempt in (0, PATIENCE, 100):
        with pytest.raises(KeyUnavailable):
            site.service.handle(request(), attempt=attempt)
    assert site.deliveries.find(request().delivery) is None
    site.keys.away = set()
    assert site.service.handle(request()).state is RequestState.DELIVERED


def test_one_key_that_does_not_answer_is_not_waited_for_long_and_then_no_more(site: ImportSite) -> None:
    site.enrol()
    old = holder("ann 2")
    site.keep(old)
    site.keys.count = 2
    site.keep(holder("ann"))
    site.keys.away = {"v1"}
    for attempt in range(PATIENCE):
        with pytest.raises(KeyUnavailable):
            site.service.handle(request(), attempt=attempt)
    entry = site.service.handle(request(), attempt=PATIENCE)
    failures = {part.thumbprint: part.failure for part in entry.parts}
    assert failures[old.thumbprint] == "Its import key cannot be used."
    later = site.service.handle(request("request-2"))
    assert later.state is RequestState.DELIVERED
    assert {part.thumbprint for part in later.parts if part.failure} == {old.thumbprint}
    site.keys.away = set()
    last = site.service.handle(request("request-3"))
    assert not any(part.failure for part in last.parts)


def test_a_key_that_answers_for_others_is_waited_for_however_long(site: ImportSite) -> None:
    """A vault that throttles, say."""
    site.enrol()
    site.keep(holder("ann"))
    site.keep(holder("ann 2"))
    usual = site.keys.decryption_key
    calls = 0

    def every_other(name: str, version: str) -> Any:
        nonlocal calls
        calls += 1
        if calls % 2:
            raise KeyUnavailable("throttled")
        return usual(name, version)

    site.keys.decryption_key = every_other  # type: ignore[method-assign]
    with pytest.raises(KeyUnavailable):
        site.service.handle(request(), attempt=50)


def test_storage_that_is_away_is_waited_for(site: ImportSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.enrol()
    site.keep()

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(site.blobs, "read", away)
        with pytest.raises(StoreUnavailable):
            site.service.handle(request())
    known = site.requests.find("mdm", "request-1")
    assert known is not None
    assert known.state is RequestState.BEGUN
    assert site.service.handle(request()).state is RequestState.DELIVERED


def test_a_user_without_parcels_is_a_failure_that_nobody_has_to_mend(site: ImportSite) -> None:
    site.enrol()
    entry = site.service.handle(request())
    assert (entry.state, entry.failure) == (
        RequestState.FAILED,
        "No such certificate is imported for that user.",
    )


def test_more_than_fits_is_left_out_and_told(site: ImportSite, monkeypatch: pytest.MonkeyPatch) -> None:
    site.enrol()
    monkeypatch.setattr("shared.pfx.packing.MOST_PARCELS", 2)
    owners = [holder("ann", begins=NOW - number * DAY) for number in range(3)]
    for owner in owners:
        site.keep(owner)
    entry = site.service.handle(request())
    told = {part.thumbprint: part.failure for part in entry.parts}
    assert [told[owner.thumbprint] for owner in owners] == ["", "", "Too much for one delivery."]
    oldest = site.store.find(USER, owners[2].thumbprint)
    assert oldest is not None
    assert oldest.failure == "", "nothing is wrong with it"
    assert MOST_PARCELS == 64


@pytest.mark.parametrize(
    ("changes", "error", "told"),
    [
        ({"caller": "nobody"}, ChallengeRejected, "no caller"),
        ({"caller": "mint"}, PolicyViolation, "does not list 'stored'"),
        ({"caller": "connector"}, PolicyViolation, "does not list 'stored'"),
        ({"caller": "narrow", "user": "ann.b@example.org"}, PolicyViolation, "does not match pfx_users"),
        ({"device": "unknown"}, PolicyViolation, "no certificate of ours"),
    ],
)
def test_who_may_not_ask_is_refused_and_on_record(
    site: ImportSite, changes: dict[str, Any], error: type[Exception], told: str
) -> None:
    site.enrol()
    site.keep()
    asked = request(**changes)
    with pytest.raises(error, match=told):
        site.service.handle(asked)
    known = site.requests.find(asked.caller, asked.id)
    assert known is not None
    assert known.state is RequestState.FAILED
    assert site.deliveries.find(asked.delivery) is None


def test_what_can_be_said_at_once_is(site: ImportSite) -> None:
    site.enrol()
    site.keep()
    assert site.service.accept(request()) is None
    parcel = brought(site, holder(), padding="OaepSha512")
    for wrong, error in (
        (request(parcel=parcel), AlgorithmRefused),
        (request(caller="narrow", parcel=replace(parcel, padding="oaepSha256")), PolicyViolation),
        (request(certificate=b"junk"), MalformedMessage),
    ):
        with pytest.raises(error):
            site.service.accept(replace(wrong, id="request-2"))
    assert site.requests.find("mdm", "request-2") is None
    begun = site.requests.find("mdm", "request-1")
    assert begun is not None
    assert begun.state is RequestState.BEGUN


def test_a_caller_brings_no_file_of_another(site: ImportSite) -> None:
    site.enrol()
    parcel = brought(site, holder(), caller="anyone")
    with pytest.raises(PolicyViolation, match="not one that caller mdm may have brought"):
        site.service.handle(request(parcel=parcel))
    for blob in ("stored/a/b.pfx", "brought/mdmx/a.pfx", "brought/a.pfx"):
        with pytest.raises(PolicyViolation):
            site.service.accept(request(parcel=replace(parcel, blob=blob)))
    assert site.service.handle(request(caller="anyone", parcel=parcel)).state is RequestState.DELIVERED


@pytest.mark.parametrize("padding", ["OaepSha512", "oaepSha384", "none", "pkcs1", "oaepSha1"])
def test_another_padding_is_refused_with_the_way_out(site: ImportSite, padding: str) -> None:
    site.enrol()
    with pytest.raises(AlgorithmRefused, match=rf"{padding}.*oaepSha256"):
        site.service.handle(request(parcel=brought(site, holder(), padding=padding)))
    assert site.keys.calls == 0


def test_a_late_failure_of_a_twin_does_not_undo_a_delivery(site: ImportSite) -> None:
    site.enrol()
    site.keep()
    inner = site.service.recipients

    class Slow:
        def find(self, *arguments: Any) -> Any:
            found = inner.find(*arguments)
            # Here the twin is done with it.
            assert site.service.handle(request()).state is RequestState.DELIVERED
            raise PolicyViolation(f"revoked meanwhile: {found.serial_hex}")

    entry = site.worker(recipients=Slow()).handle(request())
    assert entry.state is RequestState.DELIVERED
    known = site.requests.find("mdm", "request-1")
    assert known == entry


def test_the_result_is_told_and_holds_no_secret(site: ImportSite) -> None:
    target = ResultTarget(queue="results")
    site.enrol()
    site.keep()
    for _ in range(2):  # a message that comes twice is told of twice, in the same words
        site.service.handle(request(result=target))
    told = [dict(content) for content, _ in site.queue.sent]
    assert told[0] == told[1]
    assert told[0]["state"] == "delivered"
    assert told[0]["delivery"] == f"/deliveries/{delivery_id('mdm', 'request-1')}"
    assert set(told[0]) == {"version", "id", "kind", "caller", "state", "delivery"}


def test_a_failure_is_told_too(site: ImportSite) -> None:
    site.keep()
    with pytest.raises(PolicyViolation):
        site.service.handle(request(result=ResultTarget(queue="results")))
    ((content, _),) = site.queue.sent
    told = dict(content)
    assert told["state"] == "failed"
    assert "No certificate was issued here" in told["reason"]


def test_results_go_to_allowed_queues_only(site: ImportSite) -> None:
    site.enrol()
    site.keep()
    with pytest.raises(PolicyViolation, match="SCEPTER_RESULT_QUEUES"):
        site.service.accept(request(result=ResultTarget(queue="another-queue")))
    assert site.queue.sent == []


def test_what_was_acknowledged_before_it_was_on_record_stays_delivered(site: ImportSite) -> None:
    site.enrol()
    site.keep()
    with pytest.raises(Crash):
        dying = Dying(site.requests, "deliver", after=False)
        site.worker(requests=dying).handle(request())
    stands = site.kept.find(request().delivery)
    assert stands is not None
    site.kept.close(stands)
    assert site.service.handle(request()).state is RequestState.DELIVERED
    again = site.kept.find(request().delivery)
    assert again is not None
    assert again.over
