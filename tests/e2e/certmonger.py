"""certmonger, a SCEP client that keeps certificates up to date, with a bus and directories of its own.

It sends its messages by GET and renews with a PKCSReq that the present certificate signs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from shared.x509.certificate import Certificate
from tests.programs import program

PATIENCE = 30.0


class Certmonger:
    """`getcert` on the private bus. A request's certificate and key are `<id>.pem` and `<id>.key`."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self._getcert, self._folder, self._environment = program("getcert"), folder, environment

    def wait_until_it_answers(self) -> None:
        """Until certmonger is on the bus and knows the CAs it brings along."""
        self._await(lambda: "SelfSign" in self._ask("list-cas").stdout)

    def add_ca(self, name: str, url: str) -> None:
        """Know the CA at a SCEP URL by `name`, and what it says of itself."""
        self._run("add-scep-ca", "-c", name, "-u", url)
        self._await(lambda: "SCEP CA certificate thumbprint" in self._run("list-cas", "-c", name))

    def request(self, name: str, challenge: str, *, subject: str, dns: str) -> None:
        """Ask the CA `name` for a certificate under the id `name`, with a fresh RSA-2048 key."""
        files = ["-f", str(self._folder / f"{name}.pem"), "-k", str(self._folder / f"{name}.key")]
        names = ["-N", subject, "-D", dns, "-L", challenge]
        self._run("request", "-c", name, "-I", name, *files, "-g", "2048", *names)

    def resubmit(self, name: str) -> None:
        """Renew with the same key."""
        self._run("resubmit", "-i", name)

    def rekey(self, name: str) -> None:
        """Renew with a new key."""
        self._run("rekey", "-i", name, "-g", "2048")

    def refresh(self, name: str) -> None:
        """Ask again for what is pending."""
        self._run("refresh", "-i", name)

    def await_words(self, name: str, words: str) -> str:
        """Wait until certmonger says `words` about the request; returns all that it says."""
        self._await(lambda: words in self.about(name))
        return self.about(name)

    def certificate(self, name: str, after: Certificate | None = None) -> Certificate:
        """The certificate of the request, once it has one that is not `after`."""
        self._await(lambda: self._read(name) not in (None, after))
        self.await_words(name, "status: MONITORING\n")
        found = self._read(name)
        assert found is not None
        return found

    def about(self, name: str) -> str:
        """`getcert list` of one request."""
        return self._run("list", "-i", name)

    def _read(self, name: str) -> Certificate | None:
        path = self._folder / f"{name}.pem"
        if not path.exists():
            return None
        with suppress(ValueError):  # it is being written
            found = x509.load_pem_x509_certificate(path.read_bytes())
            return Certificate.from_der(found.public_bytes(Encoding.DER))
        return None

    def _await(self, condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < deadline, self._ask("list").stdout + self._ask("list-cas").stdout
            time.sleep(0.1)

    def _run(self, command: str, *arguments: str) -> str:
        done = self._ask(command, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def _ask(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._getcert, command, "-s", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@contextmanager
def running(folder: Path) -> Iterator[Certmonger]:
    """A certmonger with all its state in `folder`."""
    environment = {"PATH": os.environ["PATH"], "LANG": "C", "HOME": str(folder), "TMPDIR": str(folder)}
    for name in ("REQUESTS", "CAS", "LOCAL_CA"):
        environment[f"CERTMONGER_{name}_DIR"] = str(folder / name)
        (folder / name).mkdir()
    bus_command = [program("dbus-daemon"), "--session", "--nofork", "--print-address=1"]
    with _child(bus_command, environment, subprocess.PIPE) as bus:
        assert bus.stdout is not None
        environment["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
        with _child([program("certmonger"), "-s", "-n", "-B"], environment, subprocess.DEVNULL):
            client = Certmonger(folder, environment)
            client.wait_until_it_answers()
            yield client


@contextmanager
def _child(command: list[str], environment: dict[str, str], output: int) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(
        command, env=environment, stdout=output, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            os.killpg(process.pid, signal.SIGKILL)  # with the helpers it may have running
