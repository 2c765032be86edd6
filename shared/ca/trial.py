"""`manage.py ca check`: what an outside CA makes of a request like those to come, tried with a key nobody keeps.

A CA of others has a profile of its own for what it issues over EST or REST: some drop SAN URIs, rewrite subjects or add
purposes, and then every enrolment would end in a certificate that is kept back. Better known before the first device.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from shared.asn1 import oids
from shared.ca.acceptance import differences
from shared.ca.issuers import CAIdentity
from shared.ca.ports import OutsideCA, OutsideRequest
from shared.errors import DependencyError, IssuancePending, PKIError, RequestError
from shared.keys.ports import SigningKey
from shared.policy.authorization import Grant, template
from shared.x509.certificate import Certificate
from shared.x509.request import CertificateRequest

log = logging.getLogger("scepter.outside")

_SID: Final = "tag:microsoft.com,2022-09-14:sid:S-1-5-21-1111111111-2222222222-3333333333-1234"
_DEVICE: Final = "IntuneDeviceId://00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One line: what was looked at, whether it is as it should be, and what was found."""

    subject: str
    ok: bool
    text: str


def try_out(
    ca: OutsideCA, issuer: CAIdentity, *, now: datetime, life: timedelta, algorithm: str = "rsa-2048"
) -> list[Outcome]:
    """Ask for one certificate of the longest `life` that profiles want, and say what came of it.

    The certificate is in nobody's hands: its key is thrown away. Its serial number is in the last line, so that it can
    be revoked there. Never raises an error of ours: each is a line.
    """
    outcomes = list(_chain(ca, issuer))
    request = CertificateRequest.from_der(_request(algorithm))
    grant = Grant(frozenset({"digitalSignature", "keyEncipherment"}), (oids.EKU_CLIENT_AUTH,))
    wanted = template(request, grant, now=now, backdate=timedelta(0), life=life)
    try:
        certificate = ca.enrol(OutsideRequest(request.der, wanted, f"check:{request.key_hash}"))
    except IssuancePending as pending:
        wait = f"it is pending; ask again in {pending.retry_after} s, or let the CA approve at once"
        return [*outcomes, Outcome("enrolment", False, wait)]
    except PKIError as error:
        return [*outcomes, Outcome("enrolment", False, error.reason)]
    log.warning("a trial certificate %s was issued by an outside CA", certificate.serial_hex)
    try:
        found = list(differences(certificate, wanted, issuer.certificate, now))
        return [*outcomes, *_certificate(certificate, request, life, found)]
    except RequestError as error:
        return [*outcomes, Outcome("certificate", False, f"it cannot be read: {error.reason}")]


def _chain(ca: OutsideCA, issuer: CAIdentity) -> Iterator[Outcome]:
    try:
        said = {each.der for each in ca.ca_certificates()}
    except (DependencyError, RequestError) as error:
        yield Outcome("CA certificates", False, error.reason)
        return
    known = issuer.certificate.der in said
    words = "as in the chain file" if known else "the service names others than the chain file does"
    yield Outcome("CA certificates", known, words)


def _certificate(
    certificate: Certificate,
    request: CertificateRequest,
    life: timedelta,
    found: list[str],
) -> Iterator[Outcome]:
    kept = {name.text() for name in certificate.sans}
    for name in request.sans:
        words = "kept" if name.text() in kept else "dropped"
        yield Outcome(f"SAN {name.text().split(':')[0]}", words == "kept", f"{name.text()}: {words}")
    for subject, beginning in (
        ("subject", "subject "),
        ("purposes", "purposes "),
        ("key usage", "key usage "),
        ("issuer", "issuer "),
        ("signature", "a signature"),
        ("validity", "it lives"),
    ):
        fault = next((each for each in found if each.startswith(beginning)), "")
        yield Outcome(subject, not fault, fault or "as asked")
    lived = certificate.not_after - certificate.not_before
    yield Outcome("life", True, f"{lived.days} days; profiles ask for up to {life.days}")
    rest = "; ".join(each for each in found if each.startswith(("another key", "a CA", "extension", "it ")))
    yield Outcome("the rest", not rest, rest or "nothing that nobody asked for")
    yield Outcome("serial number", True, f"{certificate.serial_hex}: nobody has its key; revoke it there")


def _request(algorithm: str) -> bytes:
    """A request as managed devices send them: a subject with more than a CN, and names of every kind that matters."""
    key: SigningKey = (
        rsa.generate_private_key(public_exponent=65537, key_size=2048)
        if algorithm == "rsa-2048"
        else ec.generate_private_key(ec.SECP256R1())
    )
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Scepter trial"),
            x509.NameAttribute(NameOID.SERIAL_NUMBER, "TRIAL-0001"),
            x509.NameAttribute(NameOID.COMMON_NAME, "scepter-trial"),
        ]
    )
    names = [
        x509.DNSName("scepter-trial.example.org"),
        x509.RFC822Name("scepter-trial@example.org"),
        x509.UniformResourceIdentifier(_DEVICE),
        x509.UniformResourceIdentifier(_SID),
    ]
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(subject)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
