"""pkilint over everything a host has put into the world: all it served, and all it has on record."""

from __future__ import annotations

import hashlib

import httpx

from shared.cms.signing import parse_degenerate
from shared.store.connection import StorageConnection
from tests.contracts.backend import table_store
from tests.x509.lint import certificate_findings, crl_findings, ocsp_findings


class Served:
    """The CRLs, CA certificates and OCSP responses in the answers that were noted; each once."""

    def __init__(self) -> None:
        self.certificates: dict[str, bytes] = {}
        self.crls: dict[str, bytes] = {}
        self.ocsp: dict[str, bytes] = {}

    def note(self, answer: httpx.Response) -> None:
        """A hook of httpx."""
        media_type = answer.headers.get("content-type", "")
        if media_type == "application/ocsp-response" and answer.request.method != "HEAD":
            self._keep(self.ocsp, answer.read())
        if answer.request.method != "GET" or answer.status_code != 200:
            return
        if media_type == "application/pkix-crl":
            self._keep(self.crls, answer.read())
        elif media_type == "application/pkix-cert":
            self._keep(self.certificates, answer.read())
        elif media_type == "application/x-x509-ca-ra-cert":
            for der in parse_degenerate(answer.read())[0]:
                self._keep(self.certificates, der)

    def add_records(self, storage: str, issuer: str) -> None:
        """Add every certificate that is on record."""
        connection = StorageConnection.from_connection_string(storage)
        for record in table_store(connection).records(issuer):
            if record.certificate is not None:
                self._keep(self.certificates, record.certificate)
        connection.close()

    def findings(self) -> list[str]:
        """What pkilint says against RFC 5280, warnings included."""
        found = [finding for der in self.certificates.values() for finding in certificate_findings(der)]
        found += [finding for der in self.crls.values() for finding in crl_findings(der)]
        return found + [finding for der in self.ocsp.values() for finding in ocsp_findings(der)]

    def _keep(self, kind: dict[str, bytes], der: bytes) -> None:
        kind[hashlib.sha256(der).hexdigest()] = der
