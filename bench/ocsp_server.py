"""OCSP over HTTP: questions from several connections at once, at our host with Azurite and at `openssl ocsp`."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from bench.fleet import now
from bench.machine import cpu_seconds
from bench.ocsp_world import YEAR, record, serials
from commands.demo_host import DemoHost
from shared.ca.folder import CAFolder
from shared.ca.issuer import issuer_id
from shared.ca.responder_files import ISSUING, ResponderFiles
from shared.store.connection import StorageConnection
from shared.store.tables import TableStore
from shared.x509.certificate import Certificate
from shared.x509.ocsp import CertID, OCSPRequest
from shared.x509.ocsp_response import CertStatus

_HEADERS = {"Content-Type": "application/ocsp-request"}
_GOOD = b"\x80\x00"  # the CertStatus `good`, somewhere in a response


@dataclass(frozen=True)
class Load:
    """What was measured: milliseconds of each answer, all together in `seconds`; `cpu` is the server's, if known."""

    latencies: list[float]
    seconds: float
    cpu: float | None

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds


@dataclass(frozen=True)
class Server:
    """Something that answers at `url` about `serials` of `issuer`; `pid` is its process."""

    name: str
    url: str
    pid: int
    issuer: Certificate
    serials: Sequence[int]
    keeps_connections: bool

    def questions(self, count: int) -> list[bytes]:
        """One certificate each, the next one each time."""
        chosen = [self.serials[number % len(self.serials)] for number in range(count)]
        return [OCSPRequest((CertID.of(self.issuer, serial),)).encoded for serial in chosen]

    def load(self, count: int, connections: int) -> Load:
        """`count` questions, asked by so many at the same time."""
        questions = self.questions(count)
        self._ask(questions[:10], [])
        latencies: list[list[float]] = [[] for _ in range(connections)]
        threads = [
            threading.Thread(target=self._ask, args=(questions[number::connections], latencies[number]))
            for number in range(connections)
        ]
        cpu, start = cpu_seconds(self.pid), time.perf_counter()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds, used = time.perf_counter() - start, cpu_seconds(self.pid) - cpu
        flat = sorted(latency for each in latencies for latency in each)
        if len(flat) != count:
            raise RuntimeError(f"{self.name}: {count - len(flat)} of {count} questions were not answered")
        return Load(flat, seconds, used)

    def _ask(self, questions: Sequence[bytes], latencies: list[float]) -> None:
        place = urlsplit(self.url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        with closing(connection):
            for question in questions:
                start = time.perf_counter()
                connection.request("POST", place.path or "/", question, _HEADERS)
                answer = connection.getresponse().read()
                latencies.append(1000 * (time.perf_counter() - start))
                if _GOOD not in answer:
                    raise RuntimeError(f"{self.name} does not say {CertStatus.GOOD}")
                if not self.keeps_connections:
                    connection.close()


@contextmanager
def servers(count: int) -> Iterator[tuple[Server, Server]]:
    """Our host over Azurite, and `openssl ocsp`: the same certificates, the same responder's key."""
    with tempfile.TemporaryDirectory(prefix="scepter-bench-") as name:
        folder = Path(name)
        with DemoHost(folder) as host:
            ca = CAFolder(host.ca_folder)
            issuer = ca.certificate("issuing")
            numbers = serials(count)
            ready = json.loads((folder / "ready.json").read_text())
            _fill(ready["storage"], issuer, numbers)
            ours = Server(
                "scepter", f"{host.url}/ocsp", ready["pid"], issuer, numbers, keeps_connections=True
            )
            with _openssl(folder, ca, numbers) as theirs:
                yield ours, theirs


def _fill(storage: str, issuer: Certificate, numbers: Sequence[int]) -> None:
    connection = StorageConnection.from_connection_string(storage)
    names = ("owners", "certificates", "changes", "supersessions")
    store = TableStore(**{name: connection.table(name) for name in names})
    for number in numbers:
        store.commit(record(issuer_id(issuer.spki), number))
    connection.close()


@contextmanager
def _openssl(folder: Path, ca: CAFolder, numbers: Sequence[int]) -> Iterator[Server]:
    """`openssl ocsp` over an index of the same certificates, with our responder's own key and certificate."""
    identity = ResponderFiles(ca, ISSUING).load()[0]
    files = ca.path / f"ocsp-{identity.certificate.serial_hex}"
    ends = f"{now() + YEAR:%y%m%d%H%M%SZ}"
    lines = [f"V\t{ends}\t\t{number:038X}\tunknown\t/CN={number}" for number in numbers]
    (folder / "index.txt").write_text("\n".join([*lines, ""]))
    command = ["openssl", "ocsp", "-index", str(folder / "index.txt"), "-port", "0", "-nmin", "60"]
    command += ["-CA", str(ca.path / "issuing.pem"), "-rsigner", f"{files}.pem", "-rkey", f"{files}.key"]
    log = folder / "openssl.log"  # it tells of each request, and nobody may keep it waiting for that
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        port = _port_in(log)
        url = f"http://127.0.0.1:{port}/"
        yield Server(
            "openssl ocsp", url, process.pid, ca.certificate("issuing"), numbers, keeps_connections=False
        )
    finally:
        process.terminate()
        process.wait()


def _port_in(log: Path) -> int:
    """From its own words, "ACCEPT 0.0.0.0:41234 PID=..."."""
    deadline = time.monotonic() + 60
    while (found := re.search(rb"ACCEPT \S+:(\d+) ", log.read_bytes())) is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"openssl ocsp does not listen: {log.read_text(errors='replace')}")
        time.sleep(0.02)
    return int(found[1])
