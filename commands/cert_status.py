"""`manage.py cert status`: what OCSP says of a certificate, asked over HTTP as a relying party asks."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import httpx
import typer
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from commands.session import DEFAULT_SETTINGS, DEFAULT_URL, Json, Management, SettingsFile, Url, show
from shared.asn1.pem import from_pem, is_pem
from shared.errors import DependencyError, RequestError
from shared.x509.certificate import Certificate
from shared.x509.ocsp import CertID, OCSPRequest
from shared.x509.ocsp_client import OCSPAnswer, read_answer

COLUMNS = ("serial", "status", "revoked at", "reason", "this update", "next update", "ms")


def status(
    certificate: Annotated[str, typer.Argument(help="A serial on record, or a file (PEM or DER).")],
    issuer: Annotated[
        Path | None, typer.Option(help="The issuer's certificate; else from where the certificate says.")
    ] = None,
    ocsp: Annotated[str, typer.Option(help="Where to ask; else where the certificate says.")] = "",
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """Ask OCSP whether a certificate is good. What makes the answer trustworthy is checked first."""
    path = Path(certificate)
    if path.is_file():
        serial, place, ca_url = _of_file(path)
    else:
        serial, place, ca_url = _of_record(Management(url, settings), url, certificate)
    authority = _read(issuer) if issuer else Certificate.from_der(_fetch("GET", ca_url))
    started = time.perf_counter()
    answer = ask(ocsp or place, authority, serial)
    shown = _row(f"{serial:x}", answer) | {"ms": round(1000 * (time.perf_counter() - started))}
    show([shown], COLUMNS, as_json=json, title=f"OCSP, says {answer.responder.subject.text()}")


def ask(url: str, issuer: Certificate, serial: int) -> OCSPAnswer:
    """What the responder at `url` says of the certificate `serial` of `issuer`, now and from no cache.

    Raises DependencyError when nobody answers or it cannot now, RequestError for an answer that is none.
    """
    if not url:
        raise RequestError("the certificate does not say where OCSP is; give --ocsp")
    asked, nonce = CertID.of(issuer, serial), secrets.token_bytes(32)
    body = _fetch("POST", url, OCSPRequest((asked,), nonce).encoded)
    return read_answer(body, asked, issuer, nonce=nonce, now=datetime.now(UTC))


def _of_file(path: Path) -> tuple[int, str, str]:
    """The serial, and where the certificate says OCSP and its issuer's certificate are."""
    certificate = _read(path)
    extensions = x509.load_der_x509_certificate(certificate.der).extensions
    try:
        access = extensions.get_extension_for_class(x509.AuthorityInformationAccess).value
    except x509.ExtensionNotFound:
        return certificate.serial, "", ""
    places = {each.access_method: str(each.access_location.value) for each in reversed(list(access))}
    ocsp, ca = AuthorityInformationAccessOID.OCSP, AuthorityInformationAccessOID.CA_ISSUERS
    return certificate.serial, places.get(ocsp, ""), places.get(ca, "")


def _of_record(manage: Management, url: str, serial: str) -> tuple[int, str, str]:
    """The same for a certificate on record, which need not have been signed."""
    record = manage.call("GET", f"/manage/certificates/{serial}")
    base = url.rstrip("/")
    return int(record["serial"], 16), f"{base}/ocsp", f"{base}/ca/{record['issuer']}.cer"


def _read(path: Path) -> Certificate:
    data = path.read_bytes()
    return Certificate.from_der(from_pem(data)[0][1] if is_pem(data) else data)


def _fetch(method: str, url: str, body: bytes | None = None) -> bytes:
    headers = {"Content-Type": "application/ocsp-request"} if body else {}
    if not url:
        raise RequestError("the certificate does not say where its issuer's is; give --issuer")
    try:
        answer = httpx.request(method, url, content=body, headers=headers, timeout=30, trust_env=False)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise DependencyError(f"{url} does not answer: {error}") from None
    if answer.status_code != httpx.codes.OK:
        raise RequestError(f"{url}: HTTP {answer.status_code}")
    return answer.content


def _row(serial: str, answer: OCSPAnswer) -> dict[str, object]:
    return {
        "serial": serial.zfill(len(serial) + len(serial) % 2),
        "status": answer.status.value,
        "revoked at": answer.revoked_at.isoformat() if answer.revoked_at else "",
        "reason": answer.reason or "",
        "this update": answer.this_update.isoformat(),
        "next update": answer.next_update.isoformat() if answer.next_update else "",
        "responder": answer.responder.subject.text(),
    }
