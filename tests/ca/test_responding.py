"""Who answers OCSP for a CA: made once, renewed daily, on record before it signs, and never beyond its end."""

from __future__ import annotations

import logging
import threading
from datetime import datetime, timedelta

import pytest

from shared.ca.responder_identity import LIFE, ResponderIdentity, make_root_identity
from shared.ca.responding import PROFILE, DelegatedResponder
from shared.errors import KeyUnavailable, StoreUnavailable, UnknownCertificate
from shared.policy.profiles import Profiles
from shared.store.memory import MemoryStore
from shared.store.ports import CertificateRecord, Revocation
from tests.ca.drafts import ca_certificate, keys
from tests.ca.responders import Shelf, Workshop, identity, serial
from tests.ca.stores import in_threads
from tests.scep.authority import DAY, NOW

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def record_of(workshop: Workshop, made: ResponderIdentity) -> CertificateRecord | None:
    return workshop.store.find(workshop.issuer.id, serial(made))


def test_the_first_identity_is_made_when_it_is_needed_and_on_record_before_it_signs() -> None:
    workshop = Workshop()
    signs = workshop.current(NOW)
    assert [serial(made) for made in workshop.made] == [signs]
    record = record_of(workshop, workshop.made[0])
    assert record is not None
    assert record.certificate == workshop.made[0].certificate.der
    assert (record.owner, record.profile) == (f"ocsp:{workshop.issuer.id}", PROFILE)
    assert workshop.shelf.identities == workshop.made


def test_no_profile_can_have_the_name_in_its_record() -> None:
    with pytest.raises(Exception, match="profiles"):
        Profiles.parse(f'version = 1\n[profiles."{PROFILE}"]\ntitle = "x"\n')


def test_answers_need_the_ca_key_and_the_shelf_no_more() -> None:
    workshop = Workshop()
    signs = workshop.current(NOW)
    assert {workshop.current(NOW + n * MINUTE) for n in range(59)} == {signs}
    assert (len(workshop.made), workshop.shelf.loads) == (1, 1)


def test_a_kept_identity_is_used_and_put_on_record() -> None:
    """One from a ceremony, where there is no store."""
    workshop = Workshop()
    kept = identity(workshop, NOW)
    workshop.shelf.identities.append(kept)
    assert workshop.current(NOW) == serial(kept)
    assert record_of(workshop, kept) is not None
    assert workshop.made == []


def test_of_several_the_newest_signs_in_whatever_order_they_are_kept() -> None:
    workshop = Workshop()
    made = [identity(workshop, NOW + days * DAY) for days in (0, 2, 1)]
    workshop.shelf.identities += made
    assert workshop.current(NOW + 2 * DAY) == serial(made[1])


def test_an_identity_lives_a_week_and_begins_a_day_early() -> None:
    made = identity(Workshop(), NOW)
    assert (made.certificate.not_before, made.certificate.not_after) == (NOW - DAY, NOW + LIFE)
    assert LIFE == 7 * DAY


@pytest.mark.parametrize("age", [timedelta(0), 22 * HOUR])
def test_a_young_identity_is_not_renewed(age: timedelta) -> None:
    workshop = Workshop()
    workshop.current(NOW)
    assert workshop.responder.renew(NOW + age) is False
    assert len(workshop.made) == 1


def test_a_day_later_the_next_is_made_and_signs_at_once_while_the_old_one_stays() -> None:
    workshop = Workshop()
    first = workshop.current(NOW)
    assert workshop.responder.renew(NOW + DAY) is True
    assert workshop.current(NOW + DAY) == serial(workshop.made[1]) != first
    assert [serial(kept) for kept in workshop.shelf.identities] == [first, serial(workshop.made[1])]


def test_an_hourly_timer_renews_once_a_day() -> None:
    workshop = Workshop()
    renewals = [workshop.responder.renew(NOW + n * HOUR) for n in range(7 * 24)]
    assert 7 <= sum(renewals) <= 8


def test_another_worker_takes_the_newest_within_the_hour() -> None:
    one = Workshop()
    other = Workshop(one.shelf, one.store)
    first = one.current(NOW)
    assert other.current(NOW) == first
    one.responder.renew(NOW + DAY)
    assert other.current(NOW + DAY + HOUR) == serial(one.made[1])
    assert other.made == []


def test_near_the_end_of_its_ca_it_is_not_renewed_again_and_again() -> None:
    workshop = Workshop()
    late = workshop.issuer.certificate.not_after - 3 * DAY
    assert workshop.responder.renew(late) is True
    assert workshop.made[0].certificate.not_after == workshop.issuer.certificate.not_after
    assert [workshop.responder.renew(late + n * HOUR) for n in range(48)] == [False] * 48


def test_two_workers_that_renew_at_once_are_both_right() -> None:
    one = Workshop()
    other = Workshop(one.shelf, one.store)
    one.current(NOW)
    assert (
        in_threads([lambda: one.responder.renew(NOW + DAY), lambda: other.responder.renew(NOW + DAY)]) != []
    )
    assert 2 <= len(one.shelf.identities) <= 3
    later = NOW + DAY + HOUR
    assert one.current(later) == other.current(later), "the newest, or of two the same one"
    assert all(record_of(one, kept) for kept in one.shelf.identities)


def test_many_threads_that_find_none_make_one() -> None:
    workshop = Workshop()
    found = in_threads([lambda: workshop.current(NOW)] * 16)
    assert len(set(found)) == 1
    assert len(workshop.made) == 1


def test_an_identity_never_signs_after_its_end() -> None:
    workshop = Workshop()
    workshop.current(NOW)
    workshop.broken = True
    last = NOW + LIFE - timedelta(seconds=1)
    assert workshop.current(last) == serial(workshop.made[0])
    for _ in range(3):
        with pytest.raises(KeyUnavailable):
            workshop.responder.current(NOW + LIFE)


def test_nor_before_its_beginning() -> None:
    workshop = Workshop()
    workshop.shelf.identities.append(identity(workshop, NOW + 2 * DAY))
    assert workshop.current(NOW) == serial(workshop.made[0])


def test_an_ended_identity_is_followed_by_a_fresh_one() -> None:
    workshop = Workshop()
    first = workshop.current(NOW)
    assert workshop.current(NOW + LIFE) == serial(workshop.made[1]) != first


def test_without_a_key_it_fails_at_once_and_tries_again_after_a_pause() -> None:
    workshop = Workshop()
    workshop.broken = True
    for _ in range(5):
        with pytest.raises(KeyUnavailable):
            workshop.responder.current(NOW)
    assert workshop.shelf.loads == 1
    workshop.broken = False
    with pytest.raises(KeyUnavailable):
        workshop.responder.current(NOW + timedelta(seconds=9))
    assert workshop.current(NOW + timedelta(seconds=10)) == serial(workshop.made[0])


def test_an_identity_that_is_good_outlives_a_vault_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    workshop = Workshop()
    signs = workshop.current(NOW)
    workshop.shelf.away = True
    with caplog.at_level(logging.WARNING):
        assert workshop.current(NOW + HOUR) == signs
    assert "the vault is away" in caplog.text


def test_whoever_can_sign_does_not_wait_for_the_one_who_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = Workshop()
    signs = workshop.current(NOW)
    looking, go = threading.Event(), threading.Event()
    load = workshop.shelf.load

    def slow() -> object:
        looking.set()
        assert go.wait(30)
        return load()

    monkeypatch.setattr(workshop.shelf, "load", slow)
    thread = threading.Thread(target=workshop.current, args=(NOW + HOUR,))
    thread.start()
    assert looking.wait(30)
    for later in (timedelta(0), MINUTE):  # it is slow, so that it is time to look again already
        assert workshop.current(NOW + HOUR + later) == signs
    go.set()
    thread.join()


def revoke(workshop: Workshop, revoked: ResponderIdentity, now: datetime) -> None:
    record = record_of(workshop, revoked)
    assert record is not None
    workshop.store.set_revocation(record, Revocation("keyCompromise", now, "tests"))


def test_a_revoked_identity_is_replaced_within_the_hour(caplog: pytest.LogCaptureFixture) -> None:
    workshop = Workshop()
    first = workshop.current(NOW)
    revoke(workshop, workshop.made[0], NOW)
    assert workshop.current(NOW + HOUR) == serial(workshop.made[1]) != first
    assert f"{first} is revoked" in caplog.text


def test_of_a_revoked_newest_the_older_one_takes_over_until_the_timer_comes() -> None:
    workshop = Workshop()
    first = workshop.current(NOW)
    workshop.responder.renew(NOW + DAY)
    revoke(workshop, workshop.made[1], NOW + DAY)
    assert workshop.current(NOW + DAY + HOUR) == first
    assert workshop.responder.renew(NOW + DAY + HOUR) is True


def test_without_a_record_nothing_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    workshop = Workshop()

    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(workshop.store, "commit", away)
    with pytest.raises(StoreUnavailable):
        workshop.responder.current(NOW)
    assert workshop.shelf.identities == []


def root_responder(shelf: Shelf) -> DelegatedResponder:
    """A root's, whose key is away."""
    return DelegatedResponder(ca_certificate(), shelf, MemoryStore(), make=None)


def test_a_root_that_delegated_nobody_says_so() -> None:
    with pytest.raises(UnknownCertificate, match="nobody was delegated"):
        root_responder(Shelf()).current(NOW)
    with pytest.raises(KeyUnavailable, match="not at hand"):
        root_responder(Shelf()).renew(NOW)


def test_a_roots_responder_lives_a_year_and_its_end_is_another_thing() -> None:
    made = make_root_identity(ca_certificate(), keys("ca"), now=NOW, backdate=DAY)
    assert made.certificate.not_after == NOW + 365 * DAY
    responder = root_responder(Shelf([made]))
    assert responder.current(NOW + 364 * DAY) is made
    for _ in range(2):
        with pytest.raises(KeyUnavailable, match="no valid OCSP responder"):
            responder.current(NOW + 365 * DAY)
