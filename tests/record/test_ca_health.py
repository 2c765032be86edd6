"""How the CAs are: reminders in time for a ceremony, and what to type."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest

from shared.ca.holdings import Holdings
from shared.ca.issuer import issuer_id
from shared.ca.roster import DEFAULT, Roster
from shared.ca.turns import take_over
from shared.record.ca_health import FAR, CAHealth
from shared.record.health import Finding, Level
from tests.ca.houses import crl, issuing, root
from tests.ca.tiers import hierarchy_of
from tests.scep.authority import DAY, NOW, URL

FIRST, SECOND = issuing(), issuing("Issuing 2")
HELD = Holdings().with_own(FIRST, FIRST.not_before).with_above([root()])


def looked(
    held: Holdings = HELD, *, after: timedelta = timedelta(0), longest: timedelta = 365 * DAY
) -> CAHealth:
    return CAHealth(Roster.of({DEFAULT: held}), (DEFAULT,), NOW + after, longest)


def level(findings: Iterable[Finding], words: str = "") -> Level:
    (finding,) = findings
    assert words in f"{finding.text} {finding.remedy}"
    assert bool(finding.remedy) is (finding.level is not Level.OK)
    return finding.level


def test_a_ca_reminds_of_its_successor_before_it_breaks_a_promise() -> None:
    life = FIRST.not_after - NOW
    assert level(looked(after=life - 366 * DAY).authorities()) is Level.OK
    assert level(looked(after=life - 364 * DAY).authorities(), "ca request") is Level.WARNING
    assert level(looked(after=life).authorities()) is Level.CRITICAL


def test_a_successor_that_waits_too_long_is_told_to_take_over() -> None:
    held = HELD.with_own(SECOND, None)
    after = FIRST.not_after - NOW - 100 * DAY
    assert (
        level(looked(held, after=after).authorities(), f"take-over {issuer_id(SECOND.spki)}") is Level.WARNING
    )
    planned = take_over(held, issuer_id(SECOND.spki), at=FIRST.not_after - DAY, now=NOW)
    assert level(looked(planned, after=after).authorities(), "takes over on") is Level.OK


def test_a_former_ca_may_go_when_it_has_ended() -> None:
    held = take_over(HELD.with_own(SECOND, None), issuer_id(SECOND.spki), at=NOW, now=NOW)
    assert [each.level for each in looked(held).authorities()] == [Level.OK, Level.OK]
    ended = list(looked(held, after=FIRST.not_after - NOW).authorities())[1]
    assert ended.level is Level.WARNING
    assert f"ca retire {issuer_id(FIRST.spki)}" in ended.remedy


def test_a_ca_that_is_not_installed_is_critical() -> None:
    health = CAHealth(Roster.of({}), ("wifi",), NOW, DAY)
    assert level(health.authorities(), "ca install") is Level.CRITICAL


@pytest.mark.parametrize(
    ("left", "expected"),
    [(FAR + DAY, Level.OK), (FAR - DAY, Level.WARNING), (timedelta(0), Level.CRITICAL)],
)
def test_the_roots_crl_is_remembered_two_months_before_its_end(left: timedelta, expected: Level) -> None:
    held = HELD.with_crl(crl(life=365 * DAY))
    found = [each for each in looked(held, after=365 * DAY - left).roots(URL, []) if "CRL" in each.subject]
    assert level(found, "" if expected is Level.OK else "manage.py ca root-crl") is expected


def test_a_root_whose_crl_is_elsewhere_is_none_of_our_business() -> None:
    assert list(looked().roots("http://elsewhere.example.org", [])) == []
    assert {each.level for each in looked().roots(URL, [])} == {Level.CRITICAL, Level.WARNING}


def test_a_roots_responder_is_told_about_before_its_year_is_over() -> None:
    tiers = hierarchy_of("p-256")
    held = Holdings().with_own(tiers.issuer.certificate, NOW).with_above([tiers.root])
    responder = tiers.root_responder.certificate

    def found(after: timedelta) -> list[Finding]:
        return [each for each in looked(held, after=after).roots(URL, [responder]) if "OCSP" in each.subject]

    life = responder.not_after - NOW
    assert level(found(life - FAR - DAY)) is Level.OK
    assert level(found(life - FAR + DAY), "responder-request") is Level.WARNING
