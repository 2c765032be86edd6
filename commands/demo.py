"""`manage.py demo`: the main job end to end, on free ports, in a folder of its own that is removed afterwards."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from rich.table import Table

from commands import cert
from commands.challenge import order_challenge
from commands.demo_host import DemoHost
from commands.demo_imported import show_imported
from commands.demo_intune import intune
from commands.demo_pkcs import show_pkcs
from commands.demo_wipe import wipe
from commands.scep_device import Device
from commands.session import Management, console, table_of
from commands.stopwatch import Stopwatch
from shared.asn1.pem import pem
from shared.scep.client import Reply
from shared.scep.message import PKIStatus
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl

SUBJECT = "CN=laptop-0042,O=Example"
SANS = ["dns:laptop-0042.example.org"]


def demo() -> None:
    """Enrol a device over SCEP, refuse what must be refused, renew, deliver keys made here and elsewhere, wipe.

    The same again as Intune decides and asks. Takes seconds.
    """
    folder = Path(tempfile.mkdtemp(prefix="scepter-demo-"))
    try:
        with DemoHost(folder) as host:
            _Demo(host).run()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class DemoFailed(Exception):
    """A step of the demo did not do what it shows."""


class _Demo:
    def __init__(self, host: DemoHost) -> None:
        self.host = host
        self.manage = Management(host.url, host.settings)
        self.watch = Stopwatch()

    def run(self) -> None:
        device = Device(f"{self.host.url}/scep/device")
        with self.watch("GetCACaps, GetCACert"):
            device.discover()
        challenge = self._mint()
        with self.watch("enrol (PKCSReq)"):
            first = _certificate(device.enrol(SUBJECT, SANS, challenge))
        self._show(first)
        self._refusals(challenge)
        with self.watch("renew (RenewalReq)"):
            second = _certificate(device.renew(SUBJECT, SANS))
        console().print(f"[green]renewed[/]   serial {second.serial_hex} replaces {first.serial_hex}")
        show_pkcs(self.host, "laptop-0042", device.key, self.watch)
        show_imported(self.host, self.manage, "laptop-0042", device.key, self.watch)
        self._revoke(first)
        wipe(self.host, self.watch, "laptop-0042", second)
        intune(self.host, self.watch)
        self._inventory()
        console().print(self.watch.table())
        console().print("[bold green]All steps did what they should.[/]")

    def _mint(self) -> str:
        order: dict[str, object] = {
            "profile": "device",
            "subject": SUBJECT,
            "sans": SANS,
            "device": "laptop-0042",
        }
        with self.watch("mint a challenge"):
            minted = order_challenge(self.host.url, self.host.caller_secret, order)
        console().print(f"[green]challenge[/] for {SUBJECT}, valid until {minted['expires_at']}")
        return minted["challenge"]

    def _show(self, certificate: Certificate) -> None:
        table = Table("certificate", "", title="Issued", title_justify="left")
        table.add_row("subject", certificate.subject.text())
        table.add_row("SAN", ", ".join(name.text() for name in certificate.sans))
        table.add_row("serial", certificate.serial_hex)
        table.add_row("validity", f"{certificate.not_before} to {certificate.not_after}")
        table.add_row("chain", self._verify(certificate))
        console().print(table)

    def _verify(self, certificate: Certificate) -> str:
        if shutil.which("openssl") is None:
            return "not verified: no openssl on this machine"
        leaf = self.host.folder / "leaf.pem"
        leaf.write_bytes(pem("CERTIFICATE", certificate.der))
        ca = self.host.ca_folder
        command = [
            "openssl",
            "verify",
            "-CAfile",
            str(ca / "root.pem"),
            "-untrusted",
            str(ca / "issuing.pem"),
        ]
        result = subprocess.run([*command, str(leaf)], capture_output=True, text=True, check=False)
        if result.returncode:
            raise DemoFailed(f"openssl verify: {result.stdout}{result.stderr}")
        return "openssl verify: OK"

    def _refusals(self, used: str) -> None:
        for what, subject, challenge in (
            ("a subject that was not promised", "CN=someone-else,O=Example", self._mint()),
            ("a challenge used again with another key", SUBJECT, used),
        ):
            stranger = Device(f"{self.host.url}/scep/device")
            stranger.discover()
            with self.watch("refuse"):
                reply = stranger.enrol(subject, SANS, challenge)
            if reply.status is not PKIStatus.FAILURE:
                raise DemoFailed(f"{what} was not refused")
            console().print(f"[green]refused[/]   {what}: {reply.fail_text}")

    def _revoke(self, certificate: Certificate) -> None:
        with self.watch("revoke"):
            path = f"/manage/certificates/{certificate.serial_hex}/revocation"
            self.manage.call("PUT", path, {"reason": "keyCompromise", "note": "demo"})
        with self.watch("publish the CRL"):
            self.manage.call("POST", "/manage/crl")
        crl = parse_crl(self.host.get(f"/crl/{self.host.issuer}.crl"))
        listed = {entry.serial_hex: entry.reason for entry in crl.entries()}
        if listed.get(certificate.serial_hex) != "keyCompromise":
            raise DemoFailed("the revoked certificate is not on the CRL")
        console().print(f"[green]revoked[/]   serial {certificate.serial_hex} is on CRL {crl.number}")

    def _inventory(self) -> None:
        with self.watch("list the inventory"):
            records = self.manage.call("GET", "/manage/certificates")["certificates"]
        table = table_of(cert.COLUMNS, "Inventory")
        for record in records:
            table.add_row(*(str(value) for value in cert.row(record).values()))
        console().print(table)


def _certificate(reply: Reply) -> Certificate:
    if reply.status is not PKIStatus.SUCCESS:
        raise DemoFailed(f"enrolment failed: {reply.fail_info} {reply.fail_text}")
    return reply.certificates[0]
