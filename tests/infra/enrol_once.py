"""`python -m tests.infra.enrol_once`: one device enrols at the app whose address is in SCEPTER_URL."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from commands.challenge import order_challenge, secret_of
from commands.first_run import ROOT, read_values
from commands.scep_device import Device
from shared.scep.message import PKIStatus

SUBJECT = "CN=laptop-0042,O=Example"
SANS = ["dns:laptop-0042.example.org"]


def enrol(url: str, settings: Path) -> str:
    """The serial of a certificate that the app at `url` issued. Exits with the app's words when it did not."""
    order: dict[str, object] = {
        "profile": "device",
        "subject": SUBJECT,
        "sans": SANS,
        "device": "laptop-0042",
    }
    minted = order_challenge(url, secret_of("demo", read_values(settings)), order)
    device = Device(f"{url}/scep/device")
    device.discover()
    reply = device.enrol(SUBJECT, SANS, minted["challenge"])
    if reply.status is not PKIStatus.SUCCESS:
        sys.exit(f"enrolment failed: {reply.fail_info} {reply.fail_text}")
    return reply.certificates[0].serial_hex


if __name__ == "__main__":
    settings = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "local.settings.json"
    sys.stdout.write(f"enrolled: serial {enrol(os.environ['SCEPTER_URL'], settings)}\n")
