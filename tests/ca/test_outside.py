"""Issuing by an outside CA: one order is one certificate on record; what cannot be known is on the list of orphans."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509

from shared.ca.authority import Issued
from shared.errors import (
    ChallengeRejected,
    IssuanceFault,
    IssuancePending,
    IssuerUnavailable,
    PolicyViolation,
    StoreUnavailable,
)
from shared.store.ports import Revocation, Status
from shared.store.submissions import IN_PROGRESS
from tests.ca.outside import PATIENCE, Outside, csr, now, order, wanted
from tests.ca.stores import Crash, in_threads
from tests.est.authority import Manner
from tests.est.server import Breaks, ESTServer, Says


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ESTServer]:
    with ESTServer(tmp_path) as running:
        yield running


@pytest.fixture
def outside(server: ESTServer) -> Outside:
    return Outside.at(server)


def issue(
    outside: Outside, number: int = 0, identity: str = "challenge-1", later: timedelta = PATIENCE
) -> Issued:
    """One device's order, so long after now: others wait for `PATIENCE`."""
    request = csr(number)
    return outside.authority.issue(wanted(request), order(request, identity), now=now() + later)


def test_it_is_on_record_under_the_ca_s_own_serial(server: ESTServer, outside: Outside) -> None:
    issued = issue(outside)
    (made,) = server.issued
    assert int(issued.record.serial, 16) == made.serial_number
    assert issued.record.issuer == outside.issuer.id
    assert issued.record.certificate == issued.certificate.der
    (claim,) = outside.memory.owned_by("device:dev1")
    assert (claim.serial, claim.issuer) == (issued.record.serial, outside.issuer.id)
    assert outside.memory.find(claim.issuer, claim.serial) == issued.record
    assert outside.left == []
    assert list(outside.memory.records(outside.issuer.id)) == [issued.record]


def test_a_user_s_certificate_is_found_under_both_owners(outside: Outside) -> None:
    request = csr()
    issued = outside.authority.issue(wanted(request), order(request, user="ann@example.org"), now=now())
    for owner in ("device:dev1", "user:ann@example.org"):
        (claim,) = outside.memory.owned_by(owner)
        assert claim.serial == issued.record.serial


def test_a_repeat_gets_the_same_and_nobody_is_asked_again(server: ESTServer, outside: Outside) -> None:
    first = issue(outside)
    again = issue(outside.beside())
    assert again.repeated
    assert again.certificate.der == first.certificate.der
    assert len(server.issued) == 1


def test_another_key_under_the_same_identity_is_a_replay_and_is_never_sent(
    server: ESTServer, outside: Outside
) -> None:
    issue(outside)
    with pytest.raises(ChallengeRejected, match="replay"):
        issue(outside, number=1)
    assert len(server.issued) == 1


def test_what_is_revoked_here_is_not_sent_again(outside: Outside) -> None:
    issued = issue(outside)
    found = outside.memory.find(issued.record.issuer, issued.record.serial)
    assert found is not None
    outside.memory.set_revocation(found, Revocation("keyCompromise", now(), "tests"))
    with pytest.raises(ChallengeRejected, match="is revoked"):
        issue(outside)


@pytest.mark.parametrize(
    ("manner", "said"),
    [
        (Manner(keep=lambda name: isinstance(name, x509.DNSName)), "alternative names"),
        (Manner(extra_names=(x509.DNSName("ceo.example.org"),)), "alternative names"),
        (Manner(other_key=True), "another key"),
        (Manner(ca=True, usages=frozenset({"key_cert_sign"})), "a CA certificate"),
        (Manner(life=timedelta(days=400)), "longer than 90 days"),
        (Manner(other_issuer=True), "a signature that is not of the CA's key"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_what_is_not_as_asked_is_kept_back_and_listed(
    server: ESTServer, outside: Outside, manner: Manner, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    server.manner = manner
    with caplog.at_level(logging.CRITICAL), pytest.raises(IssuanceFault, match=said):
        issue(outside)
    (left,) = outside.left
    assert int(left.serial, 16) == server.issued[0].serial_number
    assert said in left.problem
    assert left.is_orphan(now())
    assert "is kept back, revoke it there" in caplog.text
    assert list(outside.memory.owned_by("device:dev1")) == []
    server.manner = Manner()
    with pytest.raises(IssuanceFault, match="before"):  # a device that repeats makes no more of them
        issue(outside.beside())
    assert len(server.issued) == 1


def test_pending_is_asked_again_with_the_same_request(server: ESTServer, outside: Outside) -> None:
    server.pending, server.retry_after = 2, "7"
    for attempt in range(2):
        with pytest.raises(IssuancePending) as caught:
            issue(outside, later=attempt * PATIENCE)
        assert caught.value.retry_after == 7
        assert outside.left == []
    issued = issue(outside, later=2 * PATIENCE)
    assert not issued.repeated
    assert len(server.issued) == 1


def test_who_comes_at_the_same_time_is_told_to_wait(outside: Outside, server: ESTServer) -> None:
    server.troubles.append(Says(503, headers={"Retry-After": "3"}))
    with pytest.raises(IssuerUnavailable):
        issue(outside, later=timedelta(0))
    with pytest.raises(IssuancePending, match="is being asked for") as caught:
        issue(outside.beside(), later=timedelta(seconds=4))
    assert 5 <= caught.value.retry_after <= 7
    assert not issue(outside.beside(), later=PATIENCE).repeated


def test_many_at_once_end_with_one_certificate(server: ESTServer, outside: Outside) -> None:
    workers = [outside.beside() for _ in range(6)]
    found = in_threads([partial(issue, worker, later=timedelta(0)) for worker in workers])
    served = [each for each in found if isinstance(each, Issued)]
    assert served
    assert {each.record.serial for each in served} == {issue(outside).record.serial}
    assert all(isinstance(each, Issued | IssuancePending) for each in found)
    assert len(server.issued) == 1


def test_two_that_both_ask_give_out_one_and_list_the_other(server: ESTServer, outside: Outside) -> None:
    slow, quick = outside, outside.beside()
    served: list[Issued] = []
    calls = iter(range(2))

    def meanwhile() -> None:
        if next(calls) == 1:  # before the slow one's second claim, which is that of its certificate
            served.append(issue(quick, later=2 * PATIENCE))

    slow.store.before["claim"] = meanwhile
    issued = issue(slow, later=timedelta(0))
    assert issued.record.serial == served[0].record.serial
    assert len(server.issued) == 2
    (left,) = outside.left
    assert left.problem == "another worker's certificate was first"
    assert int(left.serial, 16) in {each.serial_number for each in server.issued}
    assert left.serial != issued.record.serial


@pytest.mark.parametrize("after", [True, False])
def test_a_connection_that_breaks_leaves_an_orphan_to_look_for(
    server: ESTServer, outside: Outside, after: bool
) -> None:
    server.troubles.append(Breaks(after=after))
    with pytest.raises(IssuerUnavailable):
        issue(outside)
    (left,) = outside.left
    assert (left.serial, left.problem) == ("", "")
    assert (left.owner, left.subject) == ("device:dev1", "CN=dev1,O=Example")
    assert not left.is_orphan(left.sent_at + timedelta(minutes=1))
    assert left.is_orphan(left.sent_at + IN_PROGRESS + timedelta(seconds=1))
    assert not issue(outside, later=2 * PATIENCE).repeated  # the device is served all the same
    assert outside.left == [left]


@pytest.mark.parametrize(
    ("says", "error"),
    [
        (Says(400, b"no", {"Content-Type": "text/plain"}), PolicyViolation),
        (Says(401), IssuerUnavailable),
        (Says(403), IssuerUnavailable),
        (Says(429, headers={"Retry-After": "9"}), IssuerUnavailable),
        (Says(503), IssuerUnavailable),
        (Says(302, headers={"Location": "https://127.0.0.1:1/"}), IssuerUnavailable),
    ],
)
def test_a_clear_no_leaves_nothing(
    server: ESTServer, outside: Outside, says: Says, error: type[Exception]
) -> None:
    server.troubles.append(says)
    with pytest.raises(error):
        issue(outside)
    assert outside.left == []
    assert not issue(outside, later=2 * PATIENCE).repeated


@pytest.mark.parametrize("call", ["claim", "commit"])
def test_a_crash_after_the_answer_is_listed(server: ESTServer, outside: Outside, call: str) -> None:
    """The worker dies before it has claimed the certificate, or before the record is there."""
    calls = iter(range(9))

    def die() -> None:
        if call == "commit" or next(calls) == 1:
            raise Crash

    outside.store.before[call] = die
    with pytest.raises(Crash):
        issue(outside)
    assert len(server.issued) == 1
    (left,) = outside.left
    assert left.is_orphan(now() + timedelta(hours=1))
    again = issue(outside.beside(), later=2 * PATIENCE)
    # What was claimed is finished; what was not is asked for anew, and the first stays on the list.
    assert len(server.issued) == (1 if call == "commit" else 2)
    assert again.record.status is Status.GOOD
    assert outside.left == [left]


def test_storage_that_fails_before_nothing_is_sent(server: ESTServer, outside: Outside) -> None:
    def away() -> None:
        raise StoreUnavailable("away")

    outside.store.before["claim"] = away
    with pytest.raises(StoreUnavailable):
        issue(outside)
    assert server.calls.total() == 0


def test_an_order_without_the_device_s_request_is_a_fault(outside: Outside) -> None:
    request = csr()
    with pytest.raises(IssuanceFault, match="there is none"):
        outside.authority.issue(wanted(request), replace(order(request), request=b""), now=now())


def test_the_calls_are_counted(outside: Outside) -> None:
    issue(outside)
    assert dict(outside.store.calls) == {"claim": 2, "commit": 1}
