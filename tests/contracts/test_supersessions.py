"""SupersessionStore: what waits for its grace to end."""

from __future__ import annotations

from datetime import date

from shared.store.ports import SupersessionStore
from tests.contracts import examples


def test_what_is_due_comes_in_order_of_its_day(supersession_store: SupersessionStore) -> None:
    days = [date(2026, 4, 2), date(2025, 12, 31), date(2026, 4, 1), date(2026, 4, 3)]
    waiting = [
        examples.supersession(due=day, serial=examples.serial(number=number))
        for number, day in enumerate(days)
    ]
    for supersession in waiting:
        supersession_store.remember(supersession)
    found = list(supersession_store.due(date(2026, 4, 2)))
    assert found == [waiting[1], waiting[2], waiting[0]]


def test_remembering_twice_is_remembering_once(supersession_store: SupersessionStore) -> None:
    for _ in range(2):
        supersession_store.remember(examples.supersession())
    assert list(supersession_store.due(date(2026, 4, 1))) == [examples.supersession()]


def test_what_is_forgotten_is_not_due(supersession_store: SupersessionStore) -> None:
    other = examples.supersession(serial=examples.serial(number=5))
    for supersession in (examples.supersession(), other):
        supersession_store.remember(supersession)
    for _ in range(2):
        supersession_store.forget(examples.supersession())
    assert list(supersession_store.due(date(2026, 4, 1))) == [other]


def test_issuers_do_not_share_serials(supersession_store: SupersessionStore) -> None:
    ours = [examples.supersession(issuer=issuer) for issuer in ("aa", "bb")]
    for supersession in ours:
        supersession_store.remember(supersession)
    supersession_store.forget(ours[0])
    assert list(supersession_store.due(date(2026, 4, 1))) == [ours[1]]


def test_a_successor_may_be_of_another_issuer(supersession_store: SupersessionStore) -> None:
    moved = examples.supersession(successor_issuer="bb")
    supersession_store.remember(moved)
    assert list(supersession_store.due(moved.due)) == [moved]
