"""What an enrolment costs as a whole, over HTTP and on record in Azurite, beside micromdm's scepserver.

All servers run at the same time and take turns in small rounds, so that whatever else the machine does meets all
alike; between them the private-key operations of an enrolment are measured. Every reply is verified and opened.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa

from bench.enrolment import FEW, MANY, MOST_GROWTH
from bench.load import post
from bench.machine import cpu_seconds, key_operations, resident_mib
from bench.report import Report, Row, best, progress, say
from bench.servers import Server, function_app, scepserver
from shared.keys import software

CA_KEYS = ("rsa-2048", "p-256")
CROWD, ROUND = 16, 50
ABOUT = (
    "an enrolment through the whole server, over HTTP on loopback: CPU time of the server's process alone (for the "
    "function app the host with the product in it; not Azurite, not the client), and how many a second are served "
    "on this machine, which server, storage and client share; each reply verified and opened"
)


@dataclass
class Samples:
    """Of one server, round by round: CPU milliseconds of an enrolment, enrolments a second, and what was not served."""

    server: Server
    keys: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    alone: list[float] = field(default_factory=list)
    crowd: list[float] = field(default_factory=list)
    sent: int = 0
    lost: int = 0

    def round(self) -> None:
        """Enrolments one after the other, and as many by a crowd."""
        self.cpu.append(1e3 * self._send(1, self.alone) / ROUND)
        self._send(CROWD, self.crowd)

    def _send(self, connections: int, found: list[float]) -> float:
        messages, pid = self.server.prepare(ROUND), self.server.pid
        start = cpu_seconds(pid)
        load = post(self.server.url, messages, connections=connections)
        used = cpu_seconds(pid) - start
        served = load.served(messages, self.server.recipient)
        found.append(served / load.seconds)
        self.sent, self.lost = self.sent + ROUND, self.lost + ROUND - served
        return used

    def row(self) -> Row:
        """A line of the report."""
        cpu, keys = best(self.cpu), best(self.keys)
        return {
            "server": self.server.title,
            "CA key": self.server.ca_key,
            "stored": self.server.stored,
            "ratio": round(cpu / keys, 2),
            "ms CPU": round(cpu, 2),
            "ms of private keys": round(keys, 2),
            "per second, 1 client": round(best(self.alone, highest=True)),
            f"per second, {CROWD} clients": round(best(self.crowd, highest=True)),
            "not served": f"{100 * self.lost / self.sent:.1f} %",
            "MiB": round(resident_mib(self.server.pid)),
        }


def measure(count: int) -> Report:
    """`count` enrolments one by one and as many by a crowd for each server; too much is growth with what is stored."""
    found = Report("whole host", ABOUT)
    with _servers() as servers:
        samples = [Samples(server) for server in servers]
        keys = _KeyOperations()
        for _ in progress(range(max(count // ROUND, 2)), "whole hosts, in turns"):
            for each in samples:
                each.round()
                each.keys.append(keys.milliseconds(each.server.ca_key))
        found.rows = [each.row() for each in samples]
    for few, many in zip(samples[::2], samples[1::2], strict=True):
        if few.server.title == "Scepter":
            growth = best(many.cpu) / best(few.cpu)
            found.limit(f"{few.server.ca_key}: the growth with what is stored", growth, MOST_GROWTH)
    return found


@contextmanager
def _servers() -> Iterator[list[Server]]:
    """Each kind with few and with many certificates on record."""
    with tempfile.TemporaryDirectory(prefix="scepter-bench-") as folder, ExitStack() as stack:
        places = iter(range(100))

        def place() -> Path:
            made = Path(folder) / str(next(places))
            made.mkdir()
            return made

        servers = []
        for key in progress(CA_KEYS, "starting hosts, filling their storage"):
            servers += [stack.enter_context(function_app(place(), key, stored)) for stored in (FEW, MANY)]
        if shutil.which("scepserver"):
            servers += [stack.enter_context(scepserver(place(), stored)) for stored in (FEW, MANY)]
        else:
            say("scepserver is not on this machine (`make system-packages`): nothing to compare with")
        yield servers


class _KeyOperations:
    """The private-key operations of an enrolment, with keys of ours of the same kinds."""

    def __init__(self) -> None:
        self._ra = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._ca = {name: software.generate(name) for name in CA_KEYS}

    def milliseconds(self, ca_key: str) -> float:
        return key_operations(self._ra, self._ca[ca_key], ROUND) / 1e3
