"""500 mixed deliveries of imported PFX, each message twice, and the host killed three times: each once in effect."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from tests.e2e.host import Host
from tests.e2e.imported import Storage, ask, prepared, stored
from tests.e2e.imported_drill import DEVICES, ImportedRequests, ended, make_users, planted
from tests.e2e.site import Site
from tests.pfx.planted import found_in

pytestmark = [pytest.mark.host, pytest.mark.long]

COUNT, BY_HTTP = 500, 60
LEASE = {"LOCAL_QUEUE_LEASE_SECONDS": "5"}


def until(storage: Storage, count: int, seconds: float) -> int:
    """How many have ended when at least `count` have."""
    deadline = time.monotonic() + seconds
    while (found := len(ended(storage))) < count:
        assert time.monotonic() < deadline, f"{found} of {count}\n{storage.site.output.read_text()[-3000:]}"
        time.sleep(1)  # each look reads them all
    return found


def kill(host: Host) -> None:
    os.kill(host.process.pid, signal.SIGKILL)
    host.wait_until_killed()


def run(site: Site, drill: ImportedRequests, capsys: pytest.CaptureFixture[str]) -> None:
    storage, killed_at, stood = drill.storage, list[int](), dict[str, bytes | None]()
    orders = [drill.order(number) for number in range(COUNT)]
    start = time.monotonic()
    for share in (0.2, 0.45, 0.7, None):
        with site.running(environment=LEASE) as host:
            if not killed_at:
                send(host, orders, storage)
            if share is None:
                until(storage, COUNT, 300)
                seconds = time.monotonic() - start
                settle(storage)
                break
            until(storage, int(share * COUNT), 300)
            kill(host)
        killed_at.append(len(ended(storage)))
        stood |= {f"r{number}": content(storage, number) for number in range(0, COUNT, 9)}
    entries = ended(storage)
    assert len(entries) == COUNT
    for number in range(COUNT):
        drill.check(number, entries[f"r{number}"])
    for number in range(0, COUNT, 9):
        before = stood[f"r{number}"]
        assert before in (None, content(storage, number)), "a delivery that stands is not changed"
    good = sum(drill.expected(number) is not None for number in range(COUNT))
    assert len(list(storage.deliveries.all())) == good
    states = Counter(entry.state.value for entry in entries.values())
    with capsys.disabled():
        sys.stdout.write(
            f"\n{COUNT} requests, each message twice: {dict(states)}; killed at {killed_at}; "
            f"{seconds:.1f} s with three restarts\n"
        )


def send(host: Host, orders: list[dict[str, Any]], storage: Storage) -> None:
    """Some over HTTP, the others straight to the queue; and all of them a second time."""
    messages = [order | {"caller": "mdm"} for order in orders]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda order: ask(host, **order).status_code, orders[:BY_HTTP]))
        list(pool.map(storage.queue.send, [*messages[BY_HTTP:], *messages]))
    assert set(answers) <= {200, 202}


def content(storage: Storage, number: int) -> bytes | None:
    found = storage.delivery(f"r{number}")
    return None if found is None else found.build()


def settle(storage: Storage) -> None:
    """Until no message is left, not even a hidden one: twins come late."""
    client, deadline = storage.connection.queue("pfx-requests"), time.monotonic() + 300
    while left := client.get_queue_properties().approximate_message_count:
        assert time.monotonic() < deadline, f"{left} messages are left"
        time.sleep(0.5)


def test_500_deliveries_and_a_host_that_dies_three_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Azurite.start(in_memory=True) as azurite:
        site = prepared(tmp_path, azurite.connection_string)
        with stored(site) as storage:
            storage.import_keys.ensure()
            drill = ImportedRequests(storage, storage.enrol(DEVICES), make_users(storage))
            run(site, drill, capsys)
            assert found_in(storage.everything(), list(planted(drill))) == []
