"""Five hundred mixed orders with the host killed three times: each answered once in effect, and no secret anywhere."""

from __future__ import annotations

import base64
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

from local.azurite import Azurite
from shared.store.connection import StorageConnection
from tests.e2e.pkcs_drill import (
    QUEUES,
    PKCSOrders,
    check,
    enrol_devices,
    messages,
    mixed,
    open_all,
    planted_app,
    run_with_kills,
    send,
    settled,
)
from tests.e2e.planted import Planted
from tests.e2e.site import Site

pytestmark = [pytest.mark.host, pytest.mark.long]

ORDERS = 500
KILLS = ("claim:60", "put:120", "commit:140")
"""After which step, done how often, each host dies: between any two of them a key may be lost."""


def test_five_hundred_orders_and_a_host_that_dies_three_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, data = tmp_path / "site", tmp_path / "azurite"
    folder.mkdir()
    planted = Planted.make(tmp_path / "planted")
    app = planted_app(tmp_path / "app")
    with Azurite.start(in_memory=False, folder=data) as azurite:
        site = Site.make(folder, azurite.connection_string)
        site.let(SCEPTER_RESULT_QUEUES="results")
        storage = StorageConnection.from_connection_string(azurite.connection_string)
        storage.create_missing(queues=QUEUES, public_containers=True)
        drill = PKCSOrders(site, storage, planted, app, ORDERS)
        enrol_devices(drill)
        mixed(drill)
        start = time.monotonic()
        sends = [partial(send, drill, name) for name in drill.names]
        killed = run_with_kills(drill, KILLS, sends, lambda: settled(drill), ORDERS, "pkcs-requests")
        took = time.monotonic() - start
        check(drill)
        open_all(drill)
        results = messages(drill.queue("results"))
        poison = messages(drill.queue("pkcs-requests-poison"))
        attempts = Counter(record.identity.rpartition(":")[2] for record in drill.records())
        storage.close()
    told = {(message["id"], message["state"]) for message in results}
    assert {(name, "delivered") for name in drill.wanted} <= told
    assert {(name, "failed") for name in drill.wrong} <= told
    reused = {f"order-{number}" for number in range(0, ORDERS, 50)}
    assert {name for name, state in told if state == "failed"} == set(drill.wrong) | reused
    assert sum("was another one before" in message["reason"] for message in poison) >= len(reused)
    # Azurite has ended: everything that ever was in a table, a queue or a blob is in its folder.
    written = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    in_queue = base64.b64encode(b'{"version":1,"id":"order-')[:30]
    assert all(part in written for part in (b"pkcs:demo:order-17:1", b'"kind":"pkcs"', in_queue))
    assert planted.search(data, folder) == []
    assert attempts["2"] > 0, "no key was lost: the drill showed nothing"
    with capsys.disabled():
        sys.stdout.write(
            f"\n{ORDERS} orders in {took:.0f} s, the host killed when {killed} were settled; "
            f"{len(results)} results told, by attempts {dict(sorted(attempts.items()))}, {len(poison)} messages kept\n"
        )
