"""What happens by itself: CRLs when due or asked for, superseded certificates, the next RA identity."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import azure.functions as func
import pytest

from functions import timers
from shared import wiring
from shared.ca.ceremony import CAPlan, create
from shared.ca.folder import CAFolder
from shared.ca.registration import RegistrationAuthority
from shared.ca.responder_files import ISSUING, ResponderFiles
from shared.ca.responding import DelegatedResponder
from shared.ca.roster import DEFAULT
from shared.errors import StoreUnavailable
from shared.store.ports import CertificateRecord, Status, Supersession
from shared.wiring.stores import CRL_QUEUE
from shared.x509.crl import parse_crl
from tests.contracts import examples
from tests.functions.application import LOCAL, MemoryApplication, crl_request, issue, queue_message
from tests.scep.authority import DAY, NOW, URL

HOUR = timedelta(hours=1)
NO_TIMER = cast("func.TimerRequest", None)


def run(trigger: Callable[..., Any]) -> None:
    trigger(NO_TIMER)


def crl_number(app: MemoryApplication) -> int | None:
    found = app.blobs.read(f"crl/{app.issuer.id}.crl")
    return parse_crl(found.data).number if found else None


def test_the_first_run_publishes_crl_and_ca_certificates(app: MemoryApplication) -> None:
    run(timers.publish_crl_when_due)
    assert crl_number(app) == int(NOW.timestamp())
    assert app.blobs.read(f"ca/{app.issuer.id}.cer")


def test_a_crl_is_published_again_at_half_its_life_and_not_before(app: MemoryApplication) -> None:
    run(timers.publish_crl_when_due)
    app.now += 35 * HOUR
    run(timers.publish_crl_when_due)
    assert crl_number(app) == int(NOW.timestamp())
    app.now += 2 * HOUR
    run(timers.publish_crl_when_due)
    assert crl_number(app) == int(app.now.timestamp())


def test_a_request_publishes_what_it_asks_for_and_a_covered_one_does_not(app: MemoryApplication) -> None:
    record = issue(app)
    app.revocations.revoke(record.issuer, record.serial, "keyCompromise", by="tests")
    app.now += timedelta(seconds=5)
    timers.publish_crl_on_request(queue_message(crl_request(app)))
    number = crl_number(app)
    assert number == int(app.now.timestamp())
    app.now += timedelta(seconds=5)
    timers.publish_crl_on_request(queue_message(crl_request(app)))
    assert crl_number(app) == number


def test_a_request_while_storage_is_away_comes_again(
    app: MemoryApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(app.blobs, "read", away)
    timers.publish_crl_on_request(queue_message(crl_request(app)))
    assert [delay for _, delay in app.queues["crl-requests"].sent] == [10]


def test_a_published_crl_that_is_not_ours_is_raised_for_the_alarm(app: MemoryApplication) -> None:
    app.blobs.put(f"crl/{app.issuer.id}.crl", b"junk", content_type="x/y", max_age=1)
    with pytest.raises(Exception, match="not a CRL that we published"):
        timers.publish_crl_on_request(queue_message(crl_request(app)))
    assert app.queues["crl-requests-poison"].sent == []


def status(app: MemoryApplication, record: CertificateRecord) -> Status:
    found = app.store.find(record.issuer, record.serial)
    assert found is not None
    return found.status


def test_superseded_certificates_are_revoked_and_the_crl_is_asked_for(app: MemoryApplication) -> None:
    old, new = issue(app, "1"), issue(app, "2")
    app.store.remember(Supersession(NOW.date(), app.issuer.id, old.serial, new.serial, app.issuer.id))
    run(timers.revoke_superseded)
    assert (status(app, old), status(app, new)) == (Status.REVOKED, Status.GOOD)
    assert len(app.queues["crl-requests"].sent) == 1


class WithFolder(MemoryApplication):
    """The CA, and so the RA, as kept in a folder."""

    def __init__(self, folder: CAFolder) -> None:
        super().__init__(LOCAL)
        self.folder = folder
        self.ca_folder = folder
        self.ca_homes = {DEFAULT: folder}
        self.ra = RegistrationAuthority(folder.ra_identities)


def test_the_next_ra_identity_is_made_at_half_life_and_offered_later(
    app: MemoryApplication, tmp_path: Path
) -> None:
    folder = CAFolder(tmp_path)
    create(folder, CAPlan(root_key="p-256", issuing_key="p-256"), base_url=URL, now=NOW)
    kept = WithFolder(folder)
    wiring.use(kept)
    run(timers.renew_ra)
    assert len(folder.ra_identities()) == 1
    kept.now += 183 * DAY
    run(timers.renew_ra)
    run(timers.renew_ra)
    assert len(folder.ra_identities()) == 2
    assert len(kept.ra.identities(kept.now)) == 2


def test_the_next_responder_is_made_daily_and_on_record(app: MemoryApplication, tmp_path: Path) -> None:
    folder = CAFolder(tmp_path)
    create(folder, CAPlan(root_key="p-256", issuing_key="p-256"), base_url=URL, now=NOW)
    kept = WithFolder(folder)
    wiring.use(kept)
    for hours, count in ((0, 1), (22, 1), (23, 2), (45, 2), (46, 3)):
        kept.now = NOW + hours * HOUR
        run(timers.renew_responder)
        assert len(ResponderFiles(folder, ISSUING).load()) == count
    newest = kept.responder(kept.issuer).current(kept.now).certificate
    assert newest.not_after == kept.now + 7 * DAY
    assert kept.store.find(kept.issuer.id, newest.serial_hex)
    kept.now += 8 * DAY
    run(timers.renew_responder)
    assert len(ResponderFiles(folder, ISSUING).load()) == 1


def test_requests_that_are_over_are_forgotten_and_others_are_not(app: MemoryApplication) -> None:
    app.pending_requests.create(examples.pending(requested_at=NOW - 7 * DAY, patience=7 * DAY))
    waiting = examples.pending(transaction_id="2", identity="2", requested_at=NOW, patience=7 * DAY)
    app.pending_requests.create(waiting)
    run(timers.purge_requests)
    assert list(app.pending_requests.all()) == [waiting]
    app.now += 7 * DAY
    run(timers.purge_requests)
    assert list(app.pending_requests.all()) == []


@pytest.mark.parametrize(
    "trigger",
    [
        timers.publish_crl_when_due,
        timers.revoke_superseded,
        timers.renew_ra,
        timers.renew_responder,
        timers.purge_requests,
    ],
)
def test_a_run_that_fails_is_the_hosts_to_report(
    app: MemoryApplication, monkeypatch: pytest.MonkeyPatch, trigger: Callable[..., Any]
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(app.blobs, "read", away)
    monkeypatch.setattr(app.store, "due", away)
    monkeypatch.setattr(app.ra, "needs_successor", away)
    monkeypatch.setattr(DelegatedResponder, "renew", away)
    monkeypatch.setattr(app.pending_requests, "all", away)
    with pytest.raises(StoreUnavailable):
        run(trigger)


def test_the_queue_that_is_read_is_the_queue_that_is_written() -> None:
    assert timers.QUEUE == CRL_QUEUE
