"""`manage.py scep`: Scepter's own SCEP client, for trying a server out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import httpx
import typer
from cryptography.hazmat.primitives import serialization

from commands.demo_device import Device
from commands.session import console
from shared.asn1.pem import pem
from shared.errors import DependencyError, RequestError
from shared.scep.message import PKIStatus

cli = typer.Typer(no_args_is_help=True)


@cli.callback()
def group() -> None:
    """Keeps `enrol` a command of its own while it is the only one."""


@cli.command()
def enrol(
    url: Annotated[str, typer.Argument(help="The SCEP URL: http://host/scep/profile.")],
    subject: Annotated[str, typer.Option(help='RFC 4514: "CN=laptop-1,O=Example".')],
    challenge: Annotated[str, typer.Option(help="The challenge password.", envvar="SCEP_CHALLENGE")] = "",
    san: Annotated[list[str] | None, typer.Option(help="dns:host, email:a@b, uri:... (repeatable).")] = None,
    out: Annotated[Path, typer.Option(help="Files to write: OUT.key and OUT.pem.")] = Path("device"),
) -> None:
    """Enrol with a fresh RSA-2048 key; writes key and certificate."""
    device = Device(url)
    try:
        device.discover()
        reply = device.enrol(subject, san or [], challenge or None)
    except httpx.HTTPStatusError as error:
        raise RequestError(f"{url}: {error.response.status_code} {error.response.text.strip()}") from None
    except httpx.TransportError as error:
        raise DependencyError(f"{url} does not answer: {error}; is it running? (make run)") from None
    if reply.status is not PKIStatus.SUCCESS:
        raise RequestError(f"refused: {reply.fail_info.name if reply.fail_info else ''} {reply.fail_text}")
    _write_key(Path(f"{out}.key"), device)
    chain = b"".join(pem("CERTIFICATE", certificate.der) for certificate in reply.certificates)
    Path(f"{out}.pem").write_bytes(chain)
    certificate = reply.certificates[0]
    console().print(
        f"{certificate.subject} serial {certificate.serial_hex} until {certificate.not_after:%Y-%m-%d}: "
        f"{out}.pem, {out}.key"
    )


def _write_key(path: Path, device: Device) -> None:
    encoded = device.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(encoded)
