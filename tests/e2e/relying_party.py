"""A relying party: takes CA certificates and CRLs from the URLs in a certificate, and lets openssl judge."""

from __future__ import annotations

from pathlib import Path

import httpx
from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtensionOID

from shared.asn1.pem import pem
from shared.x509.certificate import Certificate
from tests.programs import OpenSSL, openssl_in


class RelyingParty:
    """Trusts `root` alone and keeps what it fetches in `folder`."""

    def __init__(self, folder: Path, http: httpx.Client, root: Certificate) -> None:
        self._openssl: OpenSSL = openssl_in(folder)
        self._folder, self._http = folder, http
        (folder / "root.pem").write_bytes(pem("CERTIFICATE", root.der))

    def accepts(self, certificate: Certificate) -> None:
        """Fails the test unless openssl accepts the certificate by its CRL, and the whole path by all CRLs."""
        self._fetch(certificate)
        assert self._openssl.run(*self._command("-crl_check")) == b"leaf.pem: OK\n"
        assert self._openssl.run(*self._command("-crl_check_all")) == b"leaf.pem: OK\n"

    def finds_revoked(self, certificate: Certificate) -> None:
        """Fails the test unless openssl calls the certificate revoked."""
        self._fetch(certificate)
        assert "certificate revoked" in self._openssl.refusal(*self._command("-crl_check"))

    def _command(self, check: str) -> list[str]:
        given = ["-CAfile", "root.pem", "-untrusted", "issuing.pem", "-CRLfile", "crls.pem"]
        return ["verify", "-x509_strict", *given, check, "leaf.pem"]

    def _fetch(self, certificate: Certificate) -> None:
        leaf = x509.load_der_x509_certificate(certificate.der)
        issuing = x509.load_der_x509_certificate(self._get(_issuer_url(leaf)))
        crls = [self._get(_crl_url(each)) for each in (leaf, issuing)]
        self._write("leaf.pem", ("CERTIFICATE", certificate.der))
        self._write("issuing.pem", ("CERTIFICATE", self._get(_issuer_url(leaf))))
        self._write("crls.pem", *(("X509 CRL", crl) for crl in crls))
        # The root is trusted because it is here, and what the issuing CA points to is the same one.
        fetched = pem("CERTIFICATE", self._get(_issuer_url(issuing)))
        assert fetched == (self._folder / "root.pem").read_bytes()

    def _write(self, name: str, *blocks: tuple[str, bytes]) -> None:
        (self._folder / name).write_bytes(b"".join(pem(label, der) for label, der in blocks))

    def _get(self, url: str) -> bytes:
        return self._http.get(url).raise_for_status().content


def _crl_url(certificate: x509.Certificate) -> str:
    extension = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    (point,) = extension.value
    assert point.full_name is not None
    (name,) = point.full_name
    return str(name.value)


def _issuer_url(certificate: x509.Certificate) -> str:
    extension = certificate.extensions.get_extension_for_oid(ExtensionOID.AUTHORITY_INFORMATION_ACCESS)
    assert isinstance(extension.value, x509.AuthorityInformationAccess)
    (access,) = (
        each for each in extension.value if each.access_method == AuthorityInformationAccessOID.CA_ISSUERS
    )
    return str(access.access_location.value)
