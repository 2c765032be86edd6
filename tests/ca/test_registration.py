"""RA identities and their overlap: when one is offered, how long it still opens, when the next is due."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.errors import KeyUnavailable
from tests.ca.tiers import hierarchy_of
from tests.scep.authority import DAY, NOW, key

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


def identity(number: int, since: datetime, *, ends: datetime | None = None) -> RAIdentity:
    """RA `number`, where every worker can load it since `since`."""
    certificate = replace(
        hierarchy_of("p-256").ra,
        der=b"ra-%d" % number,
        not_before=since - DAY,
        not_after=ends or since + 365 * DAY,
    )
    return RAIdentity(certificate, key(0), since)


class Shelf:
    """Where identities are kept; `loads` counts how often they were read."""

    def __init__(self, *identities: RAIdentity) -> None:
        self.identities = list(identities)
        self.loads = 0

    def load(self) -> Sequence[RAIdentity]:
        self.loads += 1
        return list(self.identities)


def test_a_first_identity_is_offered_at_once() -> None:
    first = identity(1, NOW)
    assert RegistrationAuthority(Shelf(first).load).current(NOW) is first


@pytest.mark.parametrize(
    ("age", "offered"), [(timedelta(0), 1), (59 * MINUTE, 1), (60 * MINUTE, 2), (10 * DAY, 2)]
)
def test_a_successor_is_offered_once_it_is_an_hour_old(age: timedelta, offered: int) -> None:
    authority = RegistrationAuthority(Shelf(identity(1, NOW - 180 * DAY), identity(2, NOW)).load)
    assert authority.current(NOW + age).certificate.der == b"ra-%d" % offered


def test_of_two_that_are_both_young_the_older_is_offered() -> None:
    authority = RegistrationAuthority(Shelf(identity(2, NOW - MINUTE), identity(1, NOW - 2 * MINUTE)).load)
    assert authority.current(NOW).certificate.der == b"ra-1"


def test_an_older_identity_still_opens_until_its_end() -> None:
    end = NOW + 10 * DAY
    authority = RegistrationAuthority(
        Shelf(identity(2, NOW - DAY), identity(1, NOW - 300 * DAY, ends=end)).load
    )
    assert [each.certificate.der for each in authority.identities(NOW)] == [b"ra-1", b"ra-2"]
    assert [each.certificate.der for each in authority.identities(end)] == [b"ra-2"]


def test_an_ended_predecessor_does_not_keep_its_young_successor_from_being_offered() -> None:
    authority = RegistrationAuthority(
        Shelf(identity(1, NOW - 300 * DAY, ends=NOW), identity(2, NOW - MINUTE)).load
    )
    assert authority.current(NOW).certificate.der == b"ra-2"


def test_without_any_valid_identity_the_remedy_is_named() -> None:
    authority = RegistrationAuthority(Shelf(identity(1, NOW - 400 * DAY)).load)
    with pytest.raises(KeyUnavailable, match="ca renew-ra"):
        authority.current(NOW)
    assert authority.identities(NOW) == ()


def test_a_reload_brings_what_was_made_meanwhile() -> None:
    shelf = Shelf(identity(1, NOW))
    authority = RegistrationAuthority(shelf.load)
    shelf.identities.append(identity(2, NOW + DAY))
    assert len(authority.identities(NOW + DAY)) == 1
    assert authority.reload(NOW + DAY)
    assert len(authority.identities(NOW + DAY)) == 2


def test_a_reload_happens_at_most_once_a_minute() -> None:
    shelf = Shelf(identity(1, NOW))
    authority = RegistrationAuthority(shelf.load)
    times = [timedelta(0), timedelta(seconds=1), timedelta(seconds=59), MINUTE, 90 * timedelta(seconds=1)]
    assert [authority.reload(NOW + each) for each in times] == [True, False, False, True, False]
    assert shelf.loads == 3  # the first at the start


def test_many_at_once_reload_once() -> None:
    shelf = Shelf(identity(1, NOW))
    authority = RegistrationAuthority(shelf.load)
    start, done = threading.Barrier(16), list[bool]()

    def reload() -> None:
        start.wait()
        done.append(authority.reload(NOW))

    threads = [threading.Thread(target=reload) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [False] * 15 + [True]
    assert shelf.loads == 2


def test_a_reload_that_fails_leaves_what_was_loaded() -> None:
    shelf = Shelf(identity(1, NOW))
    authority = RegistrationAuthority(shelf.load)

    def broken() -> Sequence[RAIdentity]:
        raise KeyUnavailable("the folder is away")

    authority._load = broken
    with pytest.raises(KeyUnavailable):
        authority.reload(NOW)
    assert authority.current(NOW).certificate.der == b"ra-1"


@pytest.mark.parametrize(
    ("age", "needed"), [(timedelta(0), False), (180 * DAY, False), (183 * DAY, True), (400 * DAY, True)]
)
def test_a_successor_is_due_at_half_life(age: timedelta, needed: bool) -> None:
    authority = RegistrationAuthority(Shelf(identity(1, NOW)).load)
    assert authority.needs_successor(NOW + age) is needed


def test_a_successor_that_is_there_is_not_made_twice() -> None:
    authority = RegistrationAuthority(Shelf(identity(1, NOW), identity(2, NOW + 183 * DAY)).load)
    assert not authority.needs_successor(NOW + 190 * DAY)


def test_a_successor_is_due_by_the_certificate_even_if_its_file_was_copied_later() -> None:
    """A restored folder has young files; the certificate in them is as old as it was."""
    restored = replace(identity(1, NOW), since=NOW + 300 * DAY)
    authority = RegistrationAuthority(Shelf(restored).load)
    assert authority.needs_successor(NOW + 300 * DAY)


def test_a_ca_that_has_just_taken_over_brings_its_own_identity() -> None:
    """Whoever runs on looks for it at most once a minute, until it is there; until then the former one stands in."""
    of_former, of_next = identity(1, NOW - DAY), identity(2, NOW)
    issuing = hierarchy_of("p-384").issuer.certificate
    certificate = replace(of_next.certificate, issuer=issuing.subject)
    of_next = replace(of_next, certificate=certificate)
    vars(certificate)["authority_key_identifier"] = issuing.subject_key_identifier
    shelf = Shelf(of_former)
    authority = RegistrationAuthority(shelf.load)
    for _ in range(3):
        assert authority.current(NOW, issuing) is of_former
    assert shelf.loads == 2
    shelf.identities.append(of_next)
    assert authority.current(NOW + MINUTE / 2, issuing) is of_former
    assert authority.current(NOW + MINUTE, issuing) is of_next
    assert shelf.loads == 3
