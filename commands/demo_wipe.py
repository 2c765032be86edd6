"""The demo's wipe: device management says so, and it is measured when OCSP and the CRL say so too."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

from commands.cert_status import ask
from commands.demo_host import DemoHost
from commands.event import send_event
from commands.session import console
from commands.stopwatch import Stopwatch
from shared.errors import DependencyError
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from shared.x509.ocsp_response import CertStatus

_PATIENCE = 60


def wipe(host: DemoHost, watch: Stopwatch, device: str, certificate: Certificate) -> None:
    """Tell that `device` was wiped; returns when OCSP and the CRL say that its `certificate` is revoked."""
    issuer = Certificate.from_der(host.get(f"/ca/{host.issuer}.cer"))
    with watch("OCSP request"):
        before = ask(f"{host.url}/ocsp", issuer, certificate.serial)
    if before.status is not CertStatus.GOOD:
        raise DependencyError(f"OCSP says {before.status.value} of a certificate that was just issued")
    now = datetime.now(UTC).replace(microsecond=0)
    event = {"id": f"wipe-{device}", "type": "wiped", "occurredAt": now.isoformat(), "device": {"id": device}}
    start = time.perf_counter()
    with watch("wipe webhook"):
        send_event(host.url, host.event_secret, "generic", json.dumps(event).encode())
    console().print(
        f"[green]wiped[/]     {device}, says device management; OCSP said {before.status.value} just before"
    )

    def by_ocsp() -> bool:
        return ask(f"{host.url}/ocsp", issuer, certificate.serial).status is CertStatus.REVOKED

    def by_crl() -> bool:
        return parse_crl(host.get(f"/crl/{host.issuer}.crl")).find(certificate.serial_hex) is not None

    for what, says_so in (("OCSP", by_ocsp), ("the CRL", by_crl)):
        with console().status(f"Waiting for {what}"):
            _wait(says_so)
        seconds = time.perf_counter() - start
        console().print(f"[green]revoked[/]   says {what}, {seconds:.1f} s after the webhook")


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise DependencyError(f"the wipe did not arrive within {_PATIENCE} s")
        time.sleep(0.05)
