"""Five hundred requests of both kinds at once, keys made here and imported PFX, and a host that dies three times."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path

import pytest

from local.azurite import Azurite
from tests.e2e.imported import prepared, stored
from tests.e2e.imported_drill import DEVICES, ImportedRequests, ended, make_users, planted
from tests.e2e.pkcs_drill import (
    QUEUES,
    PKCSOrders,
    check,
    enrol_devices,
    mixed,
    open_all,
    planted_app,
    run_with_kills,
    send,
    settled,
)
from tests.e2e.planted import Planted
from tests.pfx.planted import found_in

pytestmark = [pytest.mark.host, pytest.mark.long]

EACH = 250
KILLS = ("claim:30", "put:150", "commit:60")
"""After which step, done how often, each host dies. Both kinds put their deliveries, only orders claim and commit."""


def send_both(made: PKCSOrders, imported: ImportedRequests, number: int) -> None:
    """Each message for imported files twice."""
    for _ in range(2):
        imported.storage.queue.send({**imported.order(number), "caller": "mdm"})
    send(made, made.names[number])


def test_five_hundred_requests_of_both_kinds_and_a_host_that_dies_three_times(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, data = tmp_path / "site", tmp_path / "azurite"
    folder.mkdir()
    keys = Planted.make(tmp_path / "planted")
    with Azurite.start(in_memory=False, folder=data) as azurite:
        site = prepared(folder, azurite.connection_string)
        site.let(SCEPTER_RESULT_QUEUES="results")
        with stored(site) as storage:
            storage.connection.create_missing(queues=QUEUES, public_containers=True)
            storage.import_keys.ensure()
            made = PKCSOrders(site, storage.connection, keys, planted_app(tmp_path / "app"), EACH)
            enrol_devices(made)
            mixed(made)
            imported = ImportedRequests(storage, storage.enrol(DEVICES), make_users(storage))
            start = time.monotonic()
            killed = run_with_kills(
                made,
                KILLS,
                [partial(send_both, made, imported, number) for number in range(EACH)],
                lambda: (settled(made), len(ended(storage))),
                (EACH, EACH),
                *("pkcs-requests", "pfx-requests"),
            )
            took = time.monotonic() - start
            check(made)
            open_all(made)
            entries = ended(storage)
            for number in range(EACH):
                imported.check(number, entries[f"r{number}"])
    # Azurite has ended: everything that ever was in a table, a queue or a blob is in its folder.
    assert keys.search(data, folder) == []
    written = {str(path): path.read_bytes() for path in [*data.rglob("*"), site.output] if path.is_file()}
    assert any(b"pkcs:demo:order-17:1" in content for content in written.values())
    assert found_in(written, list(planted(imported))) == []
    with capsys.disabled():
        sys.stdout.write(f"\n{EACH} requests of each kind in {took:.0f} s; killed when {killed} had ended\n")
