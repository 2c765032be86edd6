"""Who issues, who waits and who is former; what is kept reads back; take-overs and retirements."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.asn1.pem import pem
from shared.ca import hierarchy
from shared.ca.holdings import Holdings
from shared.ca.issuer import issuer_id
from shared.ca.roster import DEFAULT, Roster
from shared.ca.turns import retire, take_over
from shared.errors import IssuanceFault, KeyUnavailable, MalformedMessage
from tests.ca.houses import crl, issuing, key, root
from tests.scep.authority import DAY, NOW, URL

FIRST, SECOND = issuing(), issuing("Issuing 2")
ONE, TWO = issuer_id(FIRST.spki), issuer_id(SECOND.spki)


@pytest.fixture
def held() -> Holdings:
    """One that issues, one that waits."""
    return Holdings().with_own(FIRST, FIRST.not_before).with_own(SECOND, None).with_above([root()])


def roster(held: Holdings) -> Roster:
    return Roster.of({DEFAULT: held})


def test_what_is_kept_reads_back(held: Holdings) -> None:
    held = held.with_crl(crl())
    assert Holdings.parse(held.to_pem()) == held.__class__(
        tuple(sorted(held.own, key=lambda own: own.issues_from is None)), held.above, held.crls
    )
    assert b"Issues-From: not yet\n" in held.to_pem()


def test_plain_certificates_are_a_ca_that_issues() -> None:
    read = Holdings.parse(pem("CERTIFICATE", FIRST.der) + pem("CERTIFICATE", root().der))
    assert [own.issues_from for own in read.own] == [FIRST.not_before]
    assert read.above == (root(),)


@pytest.mark.parametrize("term", [b"yesterday", b"2026-01-01T00:00:00", b"\xff"])
def test_a_term_that_is_no_time_is_refused(term: bytes) -> None:
    with pytest.raises(MalformedMessage, match="Issues-From"):
        Holdings.parse(b"Issues-From: " + term + b"\n" + pem("CERTIFICATE", FIRST.der))


def test_a_take_over_makes_the_one_before_former(held: Holdings) -> None:
    assert roster(held).issuing(DEFAULT, NOW).id == ONE
    waiting = roster(held).successor(DEFAULT, NOW)
    assert waiting is not None
    assert waiting.id == TWO
    held = take_over(held, TWO, at=NOW + DAY, now=NOW)
    assert roster(held).issuing(DEFAULT, NOW).id == ONE
    assert roster(held).issuing(DEFAULT, NOW + DAY).id == TWO
    assert [each.id for each in roster(held).former(DEFAULT, NOW + DAY)] == [ONE]
    assert roster(held).successor(DEFAULT, NOW + DAY) is None


def test_a_moment_to_come_is_moved_and_taken_back_and_one_that_came_is_not(held: Holdings) -> None:
    planned = take_over(held, TWO, at=NOW + DAY, now=NOW)
    assert take_over(planned, TWO, at=NOW + DAY, now=NOW) is planned
    assert take_over(planned, TWO, at=None, now=NOW).to_pem() == held.to_pem()
    done = take_over(held, TWO, at=NOW, now=NOW)
    later = NOW + timedelta(hours=1)
    assert take_over(done, TWO, at=later, now=later) is done
    for at in (None, NOW + DAY):
        with pytest.raises(IssuanceFault, match="that is not undone"):
            take_over(done, TWO, at=at, now=later)


@pytest.mark.parametrize("at", [NOW - DAY, SECOND.not_after], ids=["past", "behind its end"])
def test_nobody_takes_over_at_a_wrong_time(held: Holdings, at: object) -> None:
    with pytest.raises(IssuanceFault, match="cannot take over"):
        take_over(held, TWO, at=at, now=NOW)  # type: ignore[arg-type]


def test_a_stranger_does_not_take_over(held: Holdings) -> None:
    with pytest.raises(IssuanceFault, match="no key of this CA"):
        take_over(held, "0" * 16, at=NOW, now=NOW)


def test_who_issues_is_not_retired_nor_who_has_live_certificates(held: Holdings) -> None:
    with pytest.raises(IssuanceFault, match="issues; prepare"):
        retire(held, ONE, live=0, now=NOW)
    held = take_over(held, TWO, at=NOW, now=NOW)
    with pytest.raises(IssuanceFault, match="3 certificates"):
        retire(held, ONE, live=3, now=NOW)
    left = retire(held, ONE, live=0, now=NOW)
    assert [own.id for own in left.own] == [TWO]
    assert retire(left, ONE, live=0, now=NOW) is left
    assert retire(held, ONE, live=3, now=FIRST.not_after) == left


def test_a_successor_that_never_issued_may_go(held: Holdings) -> None:
    assert [own.id for own in retire(held, TWO, live=0, now=NOW).own] == [ONE]


def test_a_ca_that_is_not_there_says_why() -> None:
    house = Roster.of({}, {DEFAULT: "the vault is away"})
    with pytest.raises(KeyUnavailable, match="the vault is away"):
        house.issuing(DEFAULT, NOW)
    with pytest.raises(KeyUnavailable, match="CA wifi: no certificate"):
        house.issuing("wifi", NOW)


def test_a_cross_certificate_is_known_as_one_and_the_chain_ends_at_the_root() -> None:
    cross = hierarchy.cross_certificate(
        root(), key("Root"), root("Next"), not_before=NOW - DAY, life=900 * DAY, base_url=URL
    )
    own = issuing("Issuing 3", of="Next")
    held = Holdings().with_own(own, NOW).with_above([cross, root("Next"), root()])
    house = roster(held)
    assert house.crosses == (cross,)
    assert house.issuing(DEFAULT, NOW).chain == (root("Next"),)
    assert {each.der for each in house.issued_by(root())} == {cross.der, root().der}
