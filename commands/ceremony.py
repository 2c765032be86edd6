"""What the commands of `manage.py ca` share: where the CAs are, what files were brought, and telling what was done."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from cryptography.fernet import Fernet

from commands.session import console, local_values, show
from shared import config
from shared.asn1.pem import from_pem, is_pem, pem
from shared.ca.folder_holdings import write_whole
from shared.ca.issuer import issuer_id
from shared.ca.roster import DEFAULT
from shared.cms.signing import parse_degenerate
from shared.errors import MalformedMessage, RequestError
from shared.wiring.ceremony import Ceremony
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from shared.x509.names import Name
from shared.x509.request import CertificateRequest

Folder = Annotated[
    Path | None, typer.Option("--folder", help="The CA's folder (default: SCEPTER_CA_FOLDER).")
]
BaseUrl = Annotated[
    str | None, typer.Option("--public-url", help="Base of CRL and CA URLs: your own DNS name.")
]
CA = Annotated[str, typer.Option("--ca", help="The CA's name, as profiles and settings have it.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and tell; change nothing.")]
RootFolder = Annotated[Path, typer.Option("--root", help="The folder of the offline root.")]

BACKDATE: Final = timedelta(hours=24)
YEAR: Final = timedelta(days=365.25)
COLUMNS: Final = ("role", "subject", "id", "serial", "not after")
_NO_URL: Final = "http://none.invalid"


def now() -> datetime:
    """Aware, UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


def base_url(public_url: str | None, settings: Path) -> str:
    """Where the app is reached. Raises BadParameter if nobody says."""
    url = (
        public_url
        or os.environ.get("SCEPTER_PUBLIC_URL")
        or local_values(settings).get("SCEPTER_PUBLIC_URL", "")
    )
    if not url:
        raise typer.BadParameter("give --public-url, or set SCEPTER_PUBLIC_URL in the settings file")
    return url.rstrip("/")


@contextmanager
def ceremony(
    settings: Path, folder: Path | None = None, public_url: str | None = None, *, hardware: bool = True
) -> Iterator[Ceremony]:
    """The CAs that the settings file, the environment and the options name."""
    values = local_values(settings)
    values |= {name: value for name, value in os.environ.items() if name.startswith("SCEPTER_")}
    values["SCEPTER_PUBLIC_URL"] = public_url or values.get("SCEPTER_PUBLIC_URL") or _NO_URL
    # No challenge is opened here, and whoever holds a ceremony need not have the keys for that.
    values["SCEPTER_CHALLENGE_KEYS"] = Fernet.generate_key().decode()
    if folder is not None:
        values.pop("SCEPTER_VAULT_URL", None)
    if not values.get("SCEPTER_VAULT_URL"):
        own = values.get("SCEPTER_CA_FOLDER") or ".scepter/ca"
        values["SCEPTER_CA_FOLDER"] = str(folder or settings.parent / own)
    opened = Ceremony(config.load(values), os.environ, now, hardware=hardware)
    try:
        yield opened
    finally:
        opened.close()


def own_name(subject: str) -> Name:
    """A name as people type it. Raises BadParameter."""
    try:
        return Name.from_text(subject)
    except RequestError as error:
        raise typer.BadParameter(f"--subject: {error.reason}") from None


def read_request(path: Path) -> CertificateRequest:
    """A PKCS #10 request, PEM or DER. Raises MalformedMessage, IntegrityFailure."""
    data = path.read_bytes()
    return CertificateRequest.from_der(from_pem(data)[0][1] if is_pem(data) else data)


def read_files(paths: Sequence[Path]) -> tuple[list[Certificate], list[bytes]]:
    """Every certificate and CRL (DER) in the files: PEM, DER, certs-only PKCS #7. Raises MalformedMessage."""
    certificates: dict[bytes, Certificate] = {}
    crls: list[bytes] = []
    for path in paths:
        data = path.read_bytes()
        for der in (der for _, der in from_pem(data)) if is_pem(data) else (data,):
            for found in _read(der, path):
                if isinstance(found, Certificate):
                    certificates[found.der] = found
                else:
                    crls.append(found)
    return list(certificates.values()), crls


def _read(der: bytes, path: Path) -> list[Certificate | bytes]:
    try:
        return [Certificate.from_der(der)]
    except RequestError:
        pass
    try:
        parse_crl(der)
    except RequestError:
        pass
    else:
        return [der]
    try:
        certificates, crls = parse_degenerate(der)
    except RequestError:
        raise MalformedMessage(f"{path} holds neither certificates nor CRLs") from None
    return [*map(Certificate.from_der, certificates), *crls]


def write_pem(path: Path, label: str, *ders: bytes) -> None:
    """A file to carry on."""
    write_whole(path, b"".join(pem(label, der) for der in ders))


def row_of(role: str, certificate: Certificate, ca: str = "") -> dict[str, object]:
    """A certificate as a line of a table."""
    return {
        "ca": ca,
        "role": role,
        "subject": certificate.subject.text(),
        "id": issuer_id(certificate.spki),
        "serial": certificate.serial_hex,
        "not before": certificate.not_before.isoformat(),
        "not after": f"{certificate.not_after:%Y-%m-%d}",
    }


def tell(
    done: str, rows: Sequence[dict[str, object]] = (), *, as_json: bool, dry_run: bool = False, **more: object
) -> None:
    """What was done, or with `dry_run` would be."""
    if as_json:
        console().print_json(
            json.dumps({"done": done, "dryRun": dry_run, **more, "certificates": rows}, default=str)
        )
        return
    sentence = f"would: {done}" if dry_run else done
    if rows:
        show(rows, COLUMNS, as_json=False, title=sentence)
    else:
        console().print(sentence, highlight=False, soft_wrap=True, markup=False)
    for name, values in more.items():
        for value in values if isinstance(values, list | tuple) else (values,):
            console().print(f"{name}: {value}", highlight=False, soft_wrap=True, markup=False)


def named(ca: str) -> str:
    """A CA in a sentence."""
    return "the CA" if ca == DEFAULT else f"CA {ca}"
