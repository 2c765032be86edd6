"""`manage.py scep`: Scepter's own SCEP client: enrol a device, or try a server out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from cryptography.hazmat.primitives import serialization

from commands.scep_device import Device
from commands.scep_server import http_client
from commands.scep_trial import BAD, COLUMNS, Plan, Trial
from commands.session import Json, console, show
from shared.asn1.pem import pem
from shared.errors import RequestError
from shared.scep.message import PKIStatus

cli = typer.Typer(no_args_is_help=True)

ScepUrl = Annotated[str, typer.Argument(help="The SCEP URL: http://host/scep/profile.")]
Subject = Annotated[str, typer.Option(help='RFC 4514: "CN=laptop-1,O=Example".')]
San = Annotated[
    list[str] | None, typer.Option(help="dns:host, email:a@b, upn:a@b, uri:..., ip:... (repeatable).")
]
Challenge = Annotated[str, typer.Option(help="The challenge password.", envvar="SCEP_CHALLENGE")]
Legacy = Annotated[bool, typer.Option("--legacy", help="SHA-1 and 3DES, as old devices send.")]
KeySize = Annotated[int, typer.Option("--key-size", min=2048, max=8192, help="Bits of the RSA key.")]
CAFile = Annotated[Path | None, typer.Option("--ca-file", help="PEM: who may certify the server for https.")]
Identifier = Annotated[str, typer.Option("--ca", help="Which CA, at a server of several (RFC 8894 4.2).")]


@cli.command()
def enrol(
    url: ScepUrl,
    subject: Subject,
    challenge: Challenge = "",
    san: San = None,
    legacy: Legacy = False,
    key_size: KeySize = 2048,
    ca_file: CAFile = None,
    ca: Identifier = "",
    out: Annotated[Path, typer.Option(help="Files to write: OUT.key and OUT.pem.")] = Path("device"),
) -> None:
    """Enrol with a fresh RSA key; writes key and certificate."""
    device = Device(url, http_client(ca_file), legacy=legacy, key_size=key_size, ca_identifier=ca)
    device.discover()
    reply = device.enrol(subject, san or [], challenge or None)
    if reply.status is not PKIStatus.SUCCESS or device.requester is None:
        words = f"{reply.status.name} {reply.fail_info.name if reply.fail_info else ''} {reply.fail_text}"
        raise RequestError(f"refused: {' '.join(words.split())}")
    certificate = device.requester.certificate
    others = (each for each in reply.certificates if each != certificate)
    _write_key(Path(f"{out}.key"), device)
    chain = b"".join(pem("CERTIFICATE", each.der) for each in (certificate, *others))
    Path(f"{out}.pem").write_bytes(chain)
    console().print(
        f"{certificate.subject} serial {certificate.serial_hex} until {certificate.not_after:%Y-%m-%d}: "
        f"{out}.pem, {out}.key"
    )


@cli.command()
def test(
    url: ScepUrl,
    subject: Subject = "CN=scep-test",
    challenge: Challenge = "",
    san: San = None,
    legacy: Legacy = False,
    key_size: KeySize = 2048,
    no_enrol: Annotated[bool, typer.Option("--no-enrol", help="Only look: capabilities and CA.")] = False,
    no_renew: Annotated[bool, typer.Option("--no-renew", help="Leave renewal out.")] = False,
    poll_interval: Annotated[float, typer.Option(min=0.1, help="Seconds between CertPolls.")] = 5,
    poll_seconds: Annotated[float, typer.Option(min=0, help="How long to poll while PENDING.")] = 60,
    ca_file: CAFile = None,
    ca: Identifier = "",
    json: Json = False,
) -> None:
    """Try any SCEP server: capabilities, CA, enrol, poll, renew; each step with what was seen and a remedy.

    Exit code 1 if a step failed, was refused or is still pending.
    """
    device = Device(url, http_client(ca_file), legacy=legacy, key_size=key_size, ca_identifier=ca)
    plan = Plan(subject, tuple(san or ()), challenge, not no_enrol, not no_renew, poll_interval, poll_seconds)
    steps = []
    with console(stderr=True).status("GetCACaps") as status:
        for step in Trial(device, plan).run():
            steps.append(step)
            status.update(f"{step.step}: {step.outcome}")
    show([step.row() for step in steps], COLUMNS, as_json=json, title=url)
    if any(step.outcome in BAD for step in steps):
        raise typer.Exit(1)


def _write_key(path: Path, device: Device) -> None:
    encoded = device.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(encoded)
