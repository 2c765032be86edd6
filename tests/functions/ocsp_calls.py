"""Calls of the OCSP endpoint as a host makes them, and certificates to ask about."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import azure.functions as func
from cryptography.x509 import ocsp as library

from functions import ocsp
from shared.ca.authority import CertificateAuthority
from shared.store.ports import CertificateRecord, Revocation
from shared.wiring import Application
from shared.x509.ocsp import CertID, OCSPRequest
from tests.ca.stores import order, template
from tests.functions.memory import URL, Context

MEDIA_TYPE = "application/ocsp-response"


def request_for(app: Application, *serials: str, nonce: bytes | None = None, digest: str = "sha1") -> bytes:
    """A request about certificates of the issuing CA."""
    issuer = app.issuer.certificate
    asked = tuple(CertID.of(issuer, int(serial, 16), digest) for serial in serials)
    return OCSPRequest(asked, nonce).encoded


def issue(app: Application, identity: str) -> CertificateRecord:
    """A certificate on record."""
    return (
        CertificateAuthority(app.issuer, app.records)
        .issue(template(), order(identity), now=app.clock())
        .record
    )


def revoke(app: Application, serial: str, reason: str) -> None:
    """By the record alone, as the responder sees it."""
    record = app.records.find(app.issuer.id, serial)
    assert record is not None
    app.records.set_revocation(record, Revocation(reason, app.clock(), "tests"))


def post(body: bytes, headers: Mapping[str, str] | None = None) -> func.HttpRequest:
    """A POST as the platform hands it over."""
    given = {"content-type": "application/ocsp-request", **(headers or {})}
    return func.HttpRequest("POST", f"{URL}/ocsp", headers=given, body=body)


def get(path: str, method: str = "GET") -> func.HttpRequest:
    """A GET of exactly this path, as the platform hands it over."""
    return func.HttpRequest(method, f"{URL}{path}", headers={}, body=b"")


def path_of(message: bytes) -> str:
    """The path with the request in base64, as a careful client writes it."""
    return f"/ocsp/{base64.b64encode(message).decode().replace('/', '%2F').replace('+', '%2B').replace('=', '%3D')}"


async def call(sent: func.HttpRequest, context: Any = None) -> func.HttpResponse:
    """What the endpoint answers."""
    given: Any = context or Context()
    return await ocsp.serve(sent, given)


@dataclass(frozen=True)
class Told:
    """An HTTP answer as an OCSP client takes it."""

    response: func.HttpResponse

    @property
    def status(self) -> str:
        """The responseStatus. Asserts that it came as an OCSP response."""
        assert self.response.status_code == 200
        assert self.response.mimetype == MEDIA_TYPE
        return self.read.response_status.name

    @property
    def read(self) -> library.OCSPResponse:
        return library.load_der_ocsp_response(self.response.get_body())

    @property
    def states(self) -> list[str]:
        assert self.status == "SUCCESSFUL"
        return [each.certificate_status.name for each in self.read.responses]


def tell(sent: func.HttpRequest) -> Told:
    """`call`, on a loop of its own."""
    return Told(asyncio.run(call(sent)))
