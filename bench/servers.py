"""The servers that are measured as wholes: the function app on the embedded host with Azurite, and micromdm's.

Each runs in a folder of its own with its own storage, and has so many certificates on record before the clock starts.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.fill import fill_depot, fill_tables
from bench.fleet import CALLER, POLICY, SECRET, Fleet, Mint, Prepared
from bench.load import get, post
from commands.first_run import ROOT, prepare, read_values, write_settings
from local.azurite import Azurite
from shared.ca.ceremony import CAPlan
from shared.cms.signing import parse_degenerate
from shared.errors import MalformedMessage
from shared.x509.certificate import Certificate
from tests.ports import free_port

_PATIENCE = 60.0
_WARM = 20


@dataclass
class Server:
    """A running server: where it is, and who opens messages and signs replies there. `challenge` is a shared secret,
    or makes a sealed challenge for each device. `answered` and `known` are when GetCACaps and then GetCACert were."""

    title: str
    ca_key: str
    stored: int
    url: str
    pid: int
    challenge: str | Mint
    answered: float = 0.0
    known: float = field(init=False)
    recipient: Certificate = field(init=False)
    fleet: Fleet = field(init=False)
    _sent: int = 0

    def __post_init__(self) -> None:
        answer = get(self.url, "GetCACert")
        self.known = time.perf_counter()
        self.recipient = _recipient(answer)
        self.fleet = Fleet(self.recipient, f"bench-{secrets.token_hex(3)}")

    def prepare(self, count: int) -> list[Prepared]:
        """The messages of `count` further devices."""
        numbers = range(self._sent, self._sent + count)
        self._sent += count
        return [self.fleet.prepare(number, self._challenge(number)) for number in numbers]

    def enrol(self, count: int) -> float:
        """`count` enrolments one after the other; the seconds they took. Raises RuntimeError if one is not served."""
        messages = self.prepare(count)
        load = post(self.url, messages, connections=1)
        if load.served(messages, self.recipient) != count:
            raise RuntimeError(f"{self.title} does not enrol")
        return load.seconds

    def _challenge(self, number: int) -> str:
        if isinstance(self.challenge, Mint):
            return self.challenge.challenge(self.fleet, number)
        return self.challenge


@dataclass(frozen=True)
class Site:
    """A folder with settings, profiles and a CA for a host of the function app."""

    folder: Path
    ca_key: str
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        here = {
            "SCEPTER_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "SCEPTER_PROFILES_FILE": str(self.folder / "profiles.toml"),
            "SCEPTER_CA_FOLDER": str(self.folder / "ca"),
            f"SCEPTER_CALLER_SECRETS__{CALLER.upper()}": SECRET,
        }
        write_settings(self.settings, here)
        (self.folder / "profiles.toml").write_text(POLICY, "utf-8")
        prepare(self.settings, plan=CAPlan(root_key=self.ca_key, issuing_key=self.ca_key))

    @property
    def settings(self) -> Path:
        return self.folder / "local.settings.json"

    @contextmanager
    def running(self, azurite: Azurite, stored: int = 0) -> Iterator[Server]:
        """A host over `azurite`, from its first answer on."""
        command = [sys.executable, "-m", "local", "--port", str(self.port), "--settings", str(self.settings)]
        command += ["--storage", azurite.connection_string]
        url = f"http://127.0.0.1:{self.port}/scep/device"
        mint = Mint(read_values(self.settings)["SCEPTER_CHALLENGE_KEYS"])
        with _running(command, ROOT, self.folder / "output.txt", url) as pid:
            yield Server("Scepter", self.ca_key, stored, url, pid, mint, time.perf_counter())


@contextmanager
def function_app(folder: Path, ca_key: str, stored: int) -> Iterator[Server]:
    """The function app with `stored` certificates of a CA with a key of the kind `ca_key`, on record in Azurite."""
    site = Site(folder, ca_key)
    with Azurite.start(in_memory=True) as azurite, site.running(azurite, stored) as server:
        server.enrol(_WARM)
        fill_tables(azurite.connection_string, folder / "ca", stored - _WARM)
        yield server


@contextmanager
def scepserver(folder: Path, stored: int) -> Iterator[Server]:
    """micromdm's server with an RSA-2048 CA, and `stored` certificates in its depot. It listens on every interface."""
    program, port, secret = shutil.which("scepserver") or "", free_port(), secrets.token_hex(12)
    made = [program, "ca", "-init", "-keySize", "2048"]
    subprocess.run(made, cwd=folder, check=True, capture_output=True, timeout=60)
    command = [program, "-depot", "depot", "-port", str(port), "-challenge", secret, "-allowrenew", "0"]
    url = f"http://127.0.0.1:{port}/scep"
    with _running(command, folder, folder / "output.txt", url) as pid:
        server = Server("micromdm scepserver", "rsa-2048", stored, url, pid, secret)
        server.enrol(_WARM)
        fill_depot(folder / "depot", stored - _WARM)
        yield server


@contextmanager
def _running(command: list[str], folder: Path, output: Path, url: str) -> Iterator[int]:
    """The process id of `command` once it answers GetCACaps; it ends by SIGTERM."""
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=file, stderr=file)
    try:
        _await(process, url, output)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(process: subprocess.Popen[bytes], url: str, output: Path) -> None:
    """Raises RuntimeError with the server's last words if it ends before it answers."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            get(url, "GetCACaps")
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(output.read_text(errors="replace")[-2000:]) from None
            time.sleep(0.005)
        else:
            return


def _recipient(answer: bytes) -> Certificate:
    """The RA certificate in an answer to GetCACert, or the CA's where it is its own RA."""
    try:
        found = [Certificate.from_der(der) for der in parse_degenerate(answer)[0]]
    except MalformedMessage:
        return Certificate.from_der(answer)
    return next(certificate for certificate in found if not certificate.is_ca)
