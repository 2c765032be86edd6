"""The recorder: nobody waits for it, nothing is lost at a clean end, and it keeps no process from ending."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event

import pytest

from shared.errors import IssuanceFault, PolicyViolation, StoreUnavailable
from shared.record.recorder import Recorder
from shared.store.memory_traces import MemoryTraceStore
from shared.store.traces import Trace
from tests.contracts.examples import trace

ROOT = Path(__file__).resolve().parents[2]
SOON = 20.0
LONG = 3600.0


class Store(MemoryTraceStore):
    """Notes each batch, and may wait or fail first."""

    def __init__(self, before: Callable[[], object] = lambda: None) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.before = before

    def append(self, traces: Sequence[Trace]) -> None:
        self.threads.add(threading.get_ident())
        self.before()
        super().append(traces)
        self.batches.append([each.mark for each in traces])

    @property
    def marks(self) -> list[str]:
        return [mark for batch in self.batches for mark in batch]


def fail(error: Exception) -> Callable[[], object]:
    def before() -> None:
        raise error

    return before


@contextmanager
def recording(store: Store, *, period: float = LONG, capacity: int = 4000) -> Iterator[Recorder]:
    """A recorder that by itself writes after an hour, closed in the end."""
    recorder = Recorder(lambda: store, period=period, capacity=capacity)
    try:
        yield recorder
    finally:
        recorder.close(SOON)


def numbered(first: int, beyond: int) -> list[Trace]:
    return [trace(mark=str(number)) for number in range(first, beyond)]


def test_what_is_taken_is_written_by_another_thread_in_one_batch() -> None:
    store = Store()
    with recording(store) as recorder:
        for each in numbered(0, 50):
            recorder.add(each)
        assert recorder.flush(SOON)
        assert store.batches == [[str(number) for number in range(50)]]
        assert store.threads.isdisjoint({threading.get_ident()})


def test_it_writes_by_itself_after_its_period() -> None:
    written = Event()
    with recording(Store(written.set), period=0.05) as recorder:
        recorder.add(trace())
        assert written.wait(SOON)


def test_it_writes_by_itself_when_many_wait() -> None:
    written = Event()
    with recording(Store(written.set)) as recorder:
        for each in numbered(0, 200):
            recorder.add(each)
        assert written.wait(SOON)


def test_a_close_writes_what_waits_and_ends_the_thread() -> None:
    store = Store()
    with recording(store) as recorder:
        for each in numbered(0, 700):
            recorder.add(each)
    assert store.marks == [str(number) for number in range(700)]
    assert all(
        not thread.name.startswith("traces")
        for thread in threading.enumerate()
        if thread.ident in store.threads
    )
    recorder.close()


def test_without_traces_there_is_no_thread_and_nothing_to_close() -> None:
    store = Store()
    with recording(store) as recorder:
        assert recorder.flush(0)
    assert store.batches == []
    assert store.threads == set()


def test_nobody_waits_for_a_store_that_hangs() -> None:
    release, begun = Event(), Event()

    def hang() -> None:
        begun.set()
        release.wait(SOON)

    store = Store(hang)
    with recording(store, period=0) as recorder:
        recorder.add(trace(mark="first"))
        assert begun.wait(SOON)
        for each in numbered(0, 100):  # would hang here
            recorder.add(each)
        assert not recorder.flush(0.01)
        assert store.batches == []
        release.set()
        assert recorder.flush(SOON)
    assert store.marks == ["first", *(str(number) for number in range(100))]


def test_while_storage_is_away_the_oldest_go_and_are_counted() -> None:
    store = Store(fail(StoreUnavailable("away")))
    recorder = Recorder(lambda: store, capacity=100, period=0)
    for each in numbered(0, 150):
        recorder.add(each)
    await_true(lambda: recorder.dropped == 50)
    store.before = lambda: None
    recorder.close(SOON)
    assert store.marks == [str(number) for number in range(50, 150)]
    assert recorder.dropped == 50


def test_after_an_outage_it_goes_on_by_itself() -> None:
    attempts: list[int] = []

    def twice() -> None:
        attempts.append(1)
        if len(attempts) < 2:
            raise StoreUnavailable("away")

    store = Store(twice)
    with recording(store, period=0) as recorder:
        recorder.add(trace(mark="a"))
        assert recorder.flush(SOON)
    assert store.marks == ["a"]
    assert recorder.dropped == 0


@pytest.mark.parametrize("error", [IssuanceFault("too odd"), ValueError("a bug")])
def test_what_can_never_be_written_is_given_up_and_told_and_the_next_is_written(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    store = Store(fail(error))
    with recording(store) as recorder, caplog.at_level(logging.ERROR):
        recorder.add(trace(mark="odd"))
        assert recorder.flush(SOON)
        store.before = lambda: None
        recorder.add(trace(mark="fine"))
        assert recorder.flush(SOON)
    assert (store.marks, recorder.dropped) == (["fine"], 1)
    assert "1 traces are lost" in caplog.text


def test_an_end_without_storage_is_soon_and_told(caplog: pytest.LogCaptureFixture) -> None:
    recorder = Recorder(lambda: Store(fail(StoreUnavailable("away"))), period=LONG)
    recorder.add(trace())
    started = time.monotonic()
    recorder.close(SOON)
    assert time.monotonic() - started < SOON
    assert "1 traces were not written" in caplog.text


def test_a_transaction_is_noted_however_it_ends() -> None:
    store = Store()
    circumstances = {"profile": "device", "source": "-", "agent": "-"}
    with recording(store) as recorder:
        with recorder.transaction(**circumstances) as timeline:
            timeline.note("transaction", "good")
            timeline.note("status", "SUCCESS")
        with pytest.raises(StoreUnavailable), recorder.transaction(**circumstances) as timeline:
            timeline.note("transaction", "broken")
            raise StoreUnavailable("claim: away")
        with pytest.raises(PolicyViolation), recorder.transaction(**circumstances) as timeline:
            raise PolicyViolation("before it was read")
    today = [recorder._now().date()]
    assert [each.status for each in store.find("id", "good", today)] == ["SUCCESS"]
    assert [(each.status, each.cause) for each in store.find("id", "broken", today)] == [
        ("ERROR", "claim: away")
    ]
    assert len(store.marks) == 2


def test_many_threads_lose_nothing() -> None:
    store = Store()
    with recording(store, period=0) as recorder:

        def add(first: int) -> None:
            for each in numbered(first, first + 200):
                recorder.add(each)

        threads = [threading.Thread(target=add, args=(number * 200,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(store.marks) == sorted(str(number) for number in range(1600))
    assert recorder.dropped == 0


ENDING = """
import sys, time
from shared.errors import StoreUnavailable
from shared.record.recorder import Recorder
from tests.contracts.examples import trace
class Store:
    def append(self, traces):
        {act}
recorder = Recorder(Store, period=3600)
recorder.add(trace())
{end}
"""


@pytest.mark.parametrize(
    ("act", "end", "code", "said"),
    [
        ("print('written', flush=True)", "", 0, "written"),
        ("print('written', flush=True)", "sys.exit(3)", 3, "written"),
        ("print('written', flush=True)", "raise SystemError", 1, "written"),
        ("raise StoreUnavailable('away')", "", 0, ""),
        ("time.sleep(3600)", "", 0, ""),
    ],
    ids=["end", "exit code", "exception", "away", "hanging"],
)
def test_a_process_that_forgets_to_close_writes_at_its_exit_and_exits(
    act: str, end: str, code: int, said: str
) -> None:
    program = ENDING.format(act=act, end=end)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (code, said), done.stderr


def await_true(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
