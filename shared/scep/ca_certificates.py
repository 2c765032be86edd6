"""The answer to GetCACert (RFC 8894 4.2.1) as a client reads it: whom to seal to, whose signature to expect.

One certificate, or a bundle with an RA, of which some have one key for both purposes and some two.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1 import tags
from shared.asn1.pem import from_pem, is_pem
from shared.asn1.reader import read
from shared.cms.signed import SignedMessage
from shared.cms.signing import parse_degenerate
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage, RequestError
from shared.scep.advertised import Finding
from shared.x509.certificate import Certificate, verify_signature

ONE, BUNDLE = "application/x-x509-ca-cert", "application/x-x509-ca-ra-cert"


@dataclass(frozen=True, slots=True)
class CACertificates:
    """`certificates` as sent; `recipient` is whom requests are sealed to; `issuer` the CA that issues."""

    certificates: tuple[Certificate, ...]
    recipient: Certificate
    issuer: Certificate
    findings: tuple[Finding, ...] = ()

    @classmethod
    def parse(cls, body: bytes, media_type: str, *, now: datetime) -> CACertificates:
        """Raises MalformedMessage; AlgorithmRefused if none of the certificates can be sealed to."""
        findings: list[Finding] = []
        encoded, expected = _split(body, findings)
        certificates = tuple(dict.fromkeys(map(Certificate.from_der, encoded)))
        if not certificates:
            raise MalformedMessage("an answer to GetCACert without certificates")
        if media_type.lower() != expected:
            seen = f"the CA certificates come as {media_type or 'no media type'}"
            findings.append(Finding(seen, f"send them as {expected} (RFC 8894 4.2.1)"))
        issuer, recipient = _issuer(certificates), _recipient(certificates)
        findings += _doubts(certificates, recipient, issuer, now)
        return cls(certificates, recipient, issuer, tuple(findings))

    @property
    def authorities(self) -> tuple[Certificate, ...]:
        """Those of CAs; the only certificate there is counts as one."""
        return tuple(each for each in self.certificates if each.is_ca) or self.certificates

    def signer_of(self, reply: bytes) -> Certificate:
        """Which of the certificates signed `reply`; it need not hold them. Raises IntegrityFailure if none
        did, MalformedMessage. The signature itself is not verified here."""
        known = [certificate.der for certificate in self.certificates]
        found = Certificate.from_der(SignedMessage.parse(reply, known=known).signer_certificate)
        for certificate in self.certificates:
            if certificate.spki == found.spki:
                return certificate
        raise IntegrityFailure(f"the reply is signed by {found.subject.text()}, who is not in GetCACert")


def _split(body: bytes, findings: list[Finding]) -> tuple[Sequence[bytes], str]:
    """(the certificates in DER, the media type they should have come with)."""
    if body.lstrip()[:1] == b"<":
        raise MalformedMessage("an answer to GetCACert that is a web page")
    if is_pem(body):
        findings.append(Finding("the CA certificates are PEM", "send DER (RFC 8894 4.2.1)"))
        blocks = from_pem(body)
        if blocks[0][0] == "CERTIFICATE":
            return [der for _, der in blocks], ONE
        body = blocks[0][1]
    children = read(body).expect(tags.SEQUENCE).children()
    if children and children[0].tag == tags.OBJECT_IDENTIFIER:
        return parse_degenerate(body)[0], BUNDLE
    return [body], ONE


def _issuer(certificates: Sequence[Certificate]) -> Certificate:
    """The CA that is above no other CA of the answer: in a bundle with the whole chain, the lowest."""
    authorities = [each for each in certificates if each.is_ca] or list(certificates)
    above = {each.issuer.encoded for each in authorities if each.issuer.encoded != each.subject.encoded}
    return next((each for each in authorities if each.subject.encoded not in above), authorities[0])


def _recipient(certificates: Sequence[Certificate]) -> Certificate:
    """The RA whose key enciphers, else an RA without key usages, else the issuing CA (RFC 8894 2.1.2)."""
    officers = [each for each in certificates if not each.is_ca]
    named = [each for each in officers if _usable(each, "keyEncipherment")]
    chosen = [*(each for each in named if each.key_usage is not None), *named, _issuer(certificates)]
    fitting = [each for each in chosen if isinstance(each.public_key, rsa.RSAPublicKey)]
    if not fitting:
        raise AlgorithmRefused("no certificate in GetCACert has an RSA key that a request could be sealed to")
    return fitting[0]


def _usable(certificate: Certificate, usage: str) -> bool:
    return certificate.key_usage is None or usage in certificate.key_usage


def _doubts(
    certificates: Sequence[Certificate], recipient: Certificate, issuer: Certificate, now: datetime
) -> list[Finding]:
    findings = []
    for each in certificates:
        if not each.not_before <= now < each.not_after:
            seen = (
                f"{each.subject.text()} is valid from {each.not_before:%Y-%m-%d} to {each.not_after:%Y-%m-%d}"
            )
            findings.append(Finding(seen, "renew it on the server, or set this machine's clock"))
    if recipient is not issuer and not _issued(recipient, certificates):
        seen = f"the RA {recipient.subject.text()} is not issued by a CA of the answer"
        findings.append(Finding(seen, "add its CA to GetCACert: clients build the path from there"))
    return findings


def _issued(certificate: Certificate, certificates: Sequence[Certificate]) -> bool:
    for authority in certificates:
        if authority.is_ca and authority.subject.same_as(certificate.issuer):
            try:
                verify_signature(certificate, authority.public_key, allow_legacy=True)
            except RequestError:
                continue
            return True
    return False
