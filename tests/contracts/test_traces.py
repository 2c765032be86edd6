"""TraceStore: what goes in comes out by its keys, the newest first, until it is past its day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

import pytest

from shared.errors import MalformedMessage
from shared.store.addresses import Range
from shared.store.connection import StorageConnection
from shared.store.entity_table import EntityTable
from shared.store.trace_table import TableTraceStore
from shared.store.traces import Trace, TraceKey, TraceStore
from tests.contracts import examples
from tests.contracts.backend import Backend
from tests.contracts.examples import AWKWARD_IDS, NOW, trace

TODAY = NOW.date()
DAY = timedelta(days=1)
WEEK = [TODAY - back * DAY for back in range(7)]


def found(
    traces: TraceStore, value: str, key: TraceKey = "id", days: Iterable[date] = (TODAY,)
) -> list[Trace]:
    return list(traces.find(key, value, days))


def test_a_trace_comes_back_as_it_went(backend: Backend) -> None:
    backend.traces().append([trace()])
    assert found(backend.traces(), "transaction-1") == [trace()]
    assert found(backend.traces(), "laptop-1", "device") == [trace()]


def test_it_is_found_by_serial_where_no_device_is_known(traces: TraceStore) -> None:
    nameless = trace(device="", serial=examples.serial())
    traces.append([nameless, trace(transaction="other", serial=examples.serial(number=9))])
    assert found(traces, examples.serial(), "serial") == [nameless]
    assert found(traces, examples.serial(number=9), "serial") == []


def test_keys_do_not_meet(traces: TraceStore) -> None:
    traces.append([trace(transaction="a", device="b"), trace(transaction="b", device="a", mark="1")])
    assert [each.transaction for each in found(traces, "a")] == ["a"]
    assert [each.transaction for each in found(traces, "a", "device")] == ["b"]
    assert found(traces, "A") == []


def test_the_newest_comes_first(traces: TraceStore) -> None:
    times = [
        trace().at + delay for delay in (DAY * 0, -2 * DAY, timedelta(milliseconds=1), timedelta(hours=3))
    ]
    traces.append([trace(at=at, mark=f"{number}") for number, at in enumerate(times)])
    assert [each.at for each in found(traces, "transaction-1", days=WEEK)] == sorted(times, reverse=True)
    assert [each.at for each in found(traces, "transaction-1", days=[TODAY - 2 * DAY])] == [times[1]]


def test_the_first_and_the_last_moment_of_a_day_are_of_that_day(traces: TraceStore) -> None:
    midnight = NOW.replace(hour=0, minute=0, second=0)
    traces.append([trace(at=midnight), trace(at=midnight + DAY - timedelta(milliseconds=1), mark="2")])
    assert [each.mark for each in found(traces, "transaction-1")] == ["2", trace().mark]


def test_to_send_them_again_changes_nothing(traces: TraceStore) -> None:
    for _ in range(2):
        traces.append([trace(), trace(mark="2")])
    assert len(found(traces, "transaction-1")) == 2


@pytest.mark.parametrize("value", AWKWARD_IDS)
def test_any_transaction_and_device_is_a_key(traces: TraceStore, value: str) -> None:
    near = trace(transaction=f"{value}!", device=f"{value}!", mark="n")
    traces.append([trace(transaction=value, device=value), near])
    assert found(traces, value) == [trace(transaction=value, device=value)]
    assert found(traces, value, "device") == found(traces, value)


def test_hundreds_go_at_once(traces: TraceStore) -> None:
    many = [
        trace(transaction=f"t{number % 7}", at=trace().at - timedelta(seconds=number), mark=f"{number}")
        for number in range(250)
    ]
    traces.append(many)
    assert found(traces, "laptop-1", "device") == many
    assert len(found(traces, "t3")) == len([each for each in many if each.transaction == "t3"])


def test_none_is_no_call(traces: TraceStore) -> None:
    traces.append([])
    assert found(traces, "transaction-1") == []


def test_what_is_past_its_day_is_deleted_and_nothing_else(traces: TraceStore) -> None:
    traces.append([trace(at=trace().at - back * DAY) for back in range(5)])
    assert traces.purge(TODAY - 2 * DAY, 100) == 4
    assert [each.at.date() for each in found(traces, "transaction-1", days=WEEK)] == WEEK[:3]
    assert traces.purge(TODAY - 2 * DAY, 100) == 0


def test_a_purge_stops_where_it_is_told_and_begins_with_the_oldest(traces: TraceStore) -> None:
    traces.append(
        [trace(at=trace().at - back * DAY, device="", mark=f"{n}") for back in (1, 2) for n in range(120)]
    )
    assert traces.purge(TODAY, 150) == 150
    left = found(traces, "transaction-1", days=WEEK)
    assert (len(left), {each.at.date() for each in left}) == (90, {TODAY - DAY})
    assert traces.purge(TODAY, 150) == 90


def test_what_storage_cannot_hold_is_refused(traces: TraceStore) -> None:
    with pytest.raises(MalformedMessage):
        traces.append([trace(cause="x" * 40_000)])


@pytest.mark.azurite
def test_two_that_purge_do_not_stand_in_each_others_way(connection: StorageConnection) -> None:
    traces, table = TableTraceStore(connection.table("traces")), EntityTable(connection.table("traces"))
    traces.append([trace(device="", mark=mark) for mark in "abc"])
    first, second, third = table.addresses(Range("", "3"), "test")
    table.delete(second, "test")
    table.delete_all([first, second, third], "test")
    assert found(traces, "transaction-1") == []
