"""Azurite, the storage of local runs and tests, as a child process that never outlives us by accident.

It writes tables and queues to disk every few seconds and on SIGTERM: it must not be killed with SIGKILL.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Self

from local.failures import AzuriteDied, AzuriteMissing, NodeMissing, PortTaken

ACCOUNT = "devstoreaccount1"
# The key that Microsoft publishes for every emulator; it opens nothing else.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
PACKAGE = Path(__file__).resolve().parent.parent / "node_modules" / "azurite"
START_SECONDS, STOP_SECONDS = 30, 20
LISTENING = re.compile(r"(Blob|Queue|Table) service is successfully listening at http://[^\s:]+:(\d+)")
# Azurite reads nothing from its standard input: end of file there means that whoever started it is gone.
GUARD = "process.stdin.on('end',()=>process.kill(process.pid,'SIGTERM')).on('error',()=>{}).resume().unref()"
Ports = tuple[int, int, int]
FREE: Ports = (0, 0, 0)


class Azurite(AbstractContextManager["Azurite"]):
    """A running Azurite: blob, queue and table service on 127.0.0.1; a context manager that stops it."""

    def __init__(self, command: list[str], outlives: bool) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe would fill and block Azurite
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL if outlives else subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in the terminal is ours to handle: we stop first, then Azurite
        )
        self.pid = self._process.pid
        try:
            self.ports: Ports = self._await_ports()
        except BaseException:
            self.stop()
            raise
        self.blob_url, self.queue_url, self.table_url = (
            f"http://127.0.0.1:{p}/{ACCOUNT}" for p in self.ports
        )
        self.connection_string = (
            f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};"
            f"BlobEndpoint={self.blob_url};QueueEndpoint={self.queue_url};TableEndpoint={self.table_url};"
        )

    @classmethod
    def start(
        cls, in_memory: bool = True, folder: Path | None = None, ports: Ports = FREE, outlives: bool = False
    ) -> Self:
        """Start Azurite and wait until its three services (blob, queue, table) listen.

        `folder` keeps the data when not `in_memory`; a port of 0 is a free one; one that `outlives` us goes
        on when we die without having stopped it. Raises NodeMissing, AzuriteMissing, PortTaken, AzuriteDied.
        """
        node, package = shutil.which("node"), PACKAGE / "package.json"
        if in_memory == (folder is not None):
            raise ValueError("Azurite keeps its data either in memory or in a folder")
        if node is None:
            raise NodeMissing("Node.js is needed for Azurite, the local storage: no `node` is on the PATH.")
        if not package.is_file():
            raise AzuriteMissing("Azurite, the local storage, is not installed: run `make setup`.")
        script = PACKAGE / json.loads(package.read_text(encoding="utf-8"))["bin"]["azurite"]
        guard = [] if outlives else ["--import", f"data:text/javascript,{GUARD}"]
        where = ["--location", str(folder.absolute())] if folder else ["--inMemoryPersistence"]
        services = zip(("blob", "queue", "table"), ports, strict=True)
        listen = [f"--{name}{what}" for name, port in services for what in ("Host=127.0.0.1", f"Port={port}")]
        # Without --skipApiVersionCheck it refuses newer SDKs; without --disableTelemetry it reports home.
        flags = ["--silent", "--skipApiVersionCheck", "--disableTelemetry", *where, *listen]
        return cls([node, *guard, str(script), *flags], outlives)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def output(self) -> str:
        """What Azurite has printed so far; for error messages."""
        # The child writes through the same open file: reading must not move its offset.
        return os.pread(self._output.fileno(), 1 << 20, 0).decode(errors="replace").strip()

    def stop(self) -> None:
        """End Azurite with SIGTERM and wait until its data is on disk. May be called twice."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._output.close()

    def _await_ports(self) -> Ports:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            alive, said = self.running, self.output()
            ports = {service: int(port) for service, port in LISTENING.findall(said)}
            if len(ports) == 3:
                return ports["Blob"], ports["Queue"], ports["Table"]
            if taken := re.search(r"EADDRINUSE: address already in use (\S+)", said):
                raise PortTaken(f"Azurite cannot listen on {taken[1]}: the port is in use.")
            if not alive:
                raise AzuriteDied(f"Azurite stopped at start with code {self._process.returncode}:\n{said}")
            time.sleep(0.02)
        raise AzuriteDied(f"Azurite did not listen within {START_SECONDS} s:\n{self.output()}")

    def __exit__(self, *_: object) -> None:
        self.stop()
