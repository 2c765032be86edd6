"""The demo's Intune: it decides on an enrolment, hears of the certificate before the device has it, and revokes it."""

from __future__ import annotations

import time

from commands.cert_status import ask
from commands.demo_host import INTUNE_PROFILE, DemoHost
from commands.scep_device import Device
from commands.session import console
from commands.stopwatch import Stopwatch
from shared.errors import DependencyError, IssuanceFault
from shared.scep.message import PKIStatus
from shared.x509.certificate import Certificate
from shared.x509.ocsp_response import CertStatus

_DEVICE = "0d0c0b0a-1111-4222-8333-445566778899"
_SUBJECT = f"CN={_DEVICE}"
_SANS = (f"uri:IntuneDeviceId://{_DEVICE}",)
_PATIENCE = 60


def intune(host: DemoHost, watch: Stopwatch) -> None:
    """Enrol a device that Intune vouches for, refuse one that it does not, and revoke as it asks."""
    certificate = _enrol(host, watch)
    _refuse(host, watch)
    _revoke(host, watch, certificate)


def _enrol(host: DemoHost, watch: Stopwatch) -> Certificate:
    device = Device(f"{host.url}/scep/{INTUNE_PROFILE}")
    device.discover()
    challenge = host.intune.scep.challenges.mint(_SUBJECT, _SANS)
    with watch("enrol in mode intune"):
        reply = device.enrol(_SUBJECT, _SANS, challenge)
    if reply.status is not PKIStatus.SUCCESS:
        raise DependencyError(f"Intune's device was refused: {reply.fail_text}")
    certificate = reply.certificates[0]
    told = [each["certificateSerialNumber"].lower() for each in host.intune.scep.successes]
    if certificate.serial_hex not in told:
        raise IssuanceFault("a certificate left before Intune had acknowledged it")
    size = len(challenge)
    console().print(
        f"[green]intune[/]    allowed a request by its challenge of {size} characters, and heard of the certificate"
    )
    return certificate


def _refuse(host: DemoHost, watch: Stopwatch) -> None:
    stranger = Device(f"{host.url}/scep/{INTUNE_PROFILE}")
    stranger.discover()
    late = host.intune.scep.challenges.mint(_SUBJECT, _SANS, lifetime=-1)
    with watch("refuse in mode intune"):
        reply = stranger.enrol(_SUBJECT, _SANS, late)
    if reply.status is not PKIStatus.FAILURE:
        raise IssuanceFault("a challenge that had ended was taken")
    console().print(f"[green]refused[/]   a challenge of Intune's that has ended: {reply.fail_text}")


def _revoke(host: DemoHost, watch: Stopwatch, certificate: Certificate) -> None:
    issuer = Certificate.from_der(host.get(f"/ca/{host.issuer}.cer"))
    item = host.intune.revocations.add(certificate.serial_hex.upper(), configuration=host.issuer)
    with watch("Intune's revocation queue"):
        host.run_timer("empty_revocation_queues")
        deadline = time.monotonic() + _PATIENCE
        while item in host.intune.revocations.waiting:
            if time.monotonic() > deadline:
                raise DependencyError(f"Intune's queue was not emptied within {_PATIENCE} s")
            time.sleep(0.05)
    if ask(f"{host.url}/ocsp", issuer, certificate.serial).status is not CertStatus.REVOKED:
        raise IssuanceFault("Intune was told that a certificate is revoked, and OCSP says otherwise")
    console().print("[green]revoked[/]   as Intune's queue asks, on hold for a day first; says OCSP")
