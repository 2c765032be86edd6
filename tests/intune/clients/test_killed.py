"""A host that dies by SIGKILL while Intune is being told: the next one tells it again before it answers a repeat."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import httpx
import pytest

from fakes.microsoft import FakeIntune, Hold
from local.azurite import Azurite
from shared.scep.message import PKIStatus
from shared.store.connection import StorageConnection
from shared.store.outbox_table import TableOutbox
from tests.e2e.messages import enrolment
from tests.intune.clients.conftest import Managed, environment, site_in

pytestmark = pytest.mark.host


def test_killed_between_commit_and_acknowledgement(tmp_path: Path) -> None:
    hold = Hold(Event())
    with Azurite.start(in_memory=True) as azurite, FakeIntune(tmp_path) as fake:
        site = site_in(tmp_path, azurite)
        connection = StorageConnection.from_connection_string(azurite.connection_string)
        outbox = TableOutbox(connection.table("outbox"))
        with site.running(environment=environment(fake)) as host, ThreadPoolExecutor(1) as thread:
            message = enrolment(host, "CN=dev1", fake.scep.challenges.mint("CN=dev1"))
            fake.script("successNotification", hold)
            sent = thread.submit(message.post, host)
            assert hold.arrived.wait(60)
            os.kill(host.process.pid, signal.SIGKILL)
            with pytest.raises(httpx.TransportError):
                sent.result(60)
            host.wait_until_killed()
        (waiting,) = outbox.waiting()
        fake.scep.successes.clear()
        with site.running(environment=environment(fake)) as host:
            reply = message.post(host)
            assert reply.status is PKIStatus.SUCCESS, reply.fail_text
            serial = reply.certificates[0].serial_hex
            assert Managed(host, fake).reported()[-1:] == [serial] == [waiting.serial]
            assert list(outbox.waiting()) == []
        hold.gate.set()
        connection.close()
