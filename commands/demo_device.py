"""A device for the demo and the host tests: Scepter's own SCEP client over HTTP, keeping its key and certificate."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding

from shared.cms.signing import parse_degenerate
from shared.scep.client import Reply, Requester, build_csr, build_request, read_reply
from shared.scep.message import MessageType, PKIStatus
from shared.x509.certificate import Certificate


class Device:
    """Enrols at a SCEP URL. `requester` is what signs its messages: self-signed at first, then our certificate."""

    def __init__(self, url: str, http: httpx.Client | None = None) -> None:
        self.url = url
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self.requester: Requester | None = None
        self.capabilities: tuple[str, ...] = ()
        self._http = http or httpx.Client(timeout=60, trust_env=False)

    def discover(self) -> None:
        """GetCACaps and GetCACert."""
        self.capabilities = tuple(self._get("GetCACaps").text.split())
        answer = self._get("GetCACert")
        found, _ = parse_degenerate(answer.content)
        self.ca_certificates = tuple(Certificate.from_der(der) for der in found)
        self.ra = next(ca for ca in self.ca_certificates if not ca.is_ca)

    def enrol(self, subject: str, sans: Sequence[str], challenge: str | None) -> Reply:
        """PKCSReq with a self-signed signer."""
        name = x509.Name.from_rfc4514_string(subject)
        csr = build_csr(self.key, name, challenge=challenge, sans=[_general_name(san) for san in sans])
        return self.post(csr, Requester(_self_signed(self.key, name), self.key), MessageType.PKCS_REQ)

    def renew(self, subject: str, sans: Sequence[str]) -> Reply:
        """RenewalReq signed with the present certificate, for a fresh key."""
        assert self.requester is not None, "enrol first"  # noqa: S101
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name.from_rfc4514_string(subject)
        csr = build_csr(key, name, sans=[_general_name(san) for san in sans])
        reply = self.post(csr, self.requester, MessageType.RENEWAL_REQ)
        if reply.status is PKIStatus.SUCCESS:
            self.key, self.requester = key, Requester(reply.certificates[0], key)
        return reply

    def post(
        self, csr: bytes, requester: Requester, kind: MessageType, *, transaction_id: str | None = None
    ) -> Reply:
        """One PKIOperation by POST. Raises httpx.HTTPStatusError unless the answer is a CertRep."""
        message, transaction, nonce = build_request(
            csr, requester, self.ra, message_type=kind, transaction_id=transaction_id
        )
        answer = self._http.post(
            self.url,
            params={"operation": "PKIOperation"},
            content=message,
            headers={"Content-Type": "application/x-pki-message"},
        )
        content = answer.raise_for_status().content
        reply = read_reply(content, requester, self.ra, transaction_id=transaction, nonce=nonce)
        if reply.status is PKIStatus.SUCCESS and kind is MessageType.PKCS_REQ:
            self.requester = Requester(reply.certificates[0], requester.key)
        return reply

    def _get(self, operation: str) -> httpx.Response:
        return self._http.get(self.url, params={"operation": operation}).raise_for_status()


def _general_name(text: str) -> x509.GeneralName:
    kind, _, value = text.partition(":")
    if kind == "dns":
        return x509.DNSName(value)
    return x509.RFC822Name(value) if kind == "email" else x509.UniformResourceIdentifier(value)


def _self_signed(key: rsa.RSAPrivateKey, name: x509.Name) -> Certificate:
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return Certificate.from_der(certificate.public_bytes(Encoding.DER))
