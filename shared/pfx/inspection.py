"""Opening a PFX where its owner's administrator is: is the password right, and is the certificate what it should be?

Only the command line does this. Each refusal says what is wrong and, where there is one, the way out.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from shared.asn1 import oids
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage, PolicyViolation
from shared.pfx.shell import check_shell
from shared.store.parcels import Purpose
from shared.x509.certificate import Certificate

_ANY_PURPOSE: Final = "2.5.29.37.0"
_SIGNING: Final = ("digitalSignature", "nonRepudiation")


@dataclass(frozen=True, slots=True)
class OpenedPFX:
    """What a PFX holds, without its key."""

    certificate: Certificate
    others: int

    @property
    def thumbprint(self) -> str:
        """SHA-1 of the certificate, lower-case hexadecimal."""
        return hashlib.sha1(self.certificate.der, usedforsecurity=False).hexdigest()

    def addresses(self) -> list[str]:
        """The mail addresses that the certificate names (RFC 8550 3): in the SAN, and the subject's E."""
        named = [name.value for name in self.certificate.sans if name.kind == "email"]
        return list(dict.fromkeys([*named, *self.certificate.subject.values("E")]))


def open_pfx(pfx: bytes, password: str) -> OpenedPFX:
    """Raises MalformedMessage for what is no PFX or not whole, IntegrityFailure for a wrong password or a key that is
    not the certificate's, AlgorithmRefused."""
    check_shell(pfx)
    if "\0" in password:  # the library panics at it
        raise _wrong_password()
    try:
        with warnings.catch_warnings(
            action="ignore"
        ):  # files in BER are read, and that is all that matters here
            bundle = pkcs12.load_pkcs12(pfx, password.encode())
    except ValueError as error:
        raise _unopened(error) from None
    except UnsupportedAlgorithm:
        raise AlgorithmRefused("the PFX is encrypted in a way that is not known; export it again") from None
    if bundle.key is None:
        raise IntegrityFailure("the PFX holds no private key; export it with its key")
    if bundle.cert is None:
        raise IntegrityFailure("the PFX holds a private key and no certificate that belongs to it")
    if not isinstance(bundle.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise AlgorithmRefused("the PFX holds a private key that is neither RSA nor EC")
    leaf = bundle.cert.certificate
    if leaf.public_key() != bundle.key.public_key():
        raise _foreign_key()
    return OpenedPFX(Certificate.from_der(leaf.public_bytes(Encoding.DER)), len(bundle.additional_certs))


def check_thumbprint(opened: OpenedPFX, expected: str) -> None:
    """`expected` may have separators; empty: any. Raises PolicyViolation."""
    wanted = "".join(each for each in expected.lower() if each in "0123456789abcdef")
    if expected and wanted != opened.thumbprint:
        raise PolicyViolation(f"the certificate's thumbprint is {opened.thumbprint}, not {expected}")


def check_certificate(opened: OpenedPFX, purpose: Purpose, now: datetime) -> list[str]:
    """Raises PolicyViolation for a certificate that cannot serve; returns what is worth a warning."""
    certificate = opened.certificate
    if certificate.is_ca:
        raise PolicyViolation("the certificate is one of a CA, not of a user")
    _check_usages(certificate, purpose)
    return list(_about_dates(certificate, purpose, now))


def check_mail(opened: OpenedPFX, address: str) -> None:
    """Raises PolicyViolation unless the certificate names the address; case does not count."""
    named = opened.addresses()
    if address.lower() in (each.lower() for each in named):
        return
    found = ", ".join(named) or "none at all"
    raise PolicyViolation(
        f"the certificate is not for {address}, its mail addresses are: {found}; if that is right, say so with --mail"
    )


def _check_usages(certificate: Certificate, purpose: Purpose) -> None:
    usages = certificate.key_usage
    wanted = _SIGNING if purpose is Purpose.SIGNING else _encryption(certificate)
    if usages is not None and not usages & set(wanted):
        has = ", ".join(sorted(usages)) or "nothing"
        raise PolicyViolation(
            f"{purpose} needs the key usage {' or '.join(wanted)}; the certificate allows {has}"
        )
    purposes = certificate.extended_key_usage
    if purposes is not None and not {oids.EKU_EMAIL_PROTECTION, _ANY_PURPOSE} & set(purposes):
        raise PolicyViolation(
            f"{purpose} needs the extended key usage emailProtection; the certificate has others"
        )


def _encryption(certificate: Certificate) -> tuple[str, ...]:
    """RFC 8550 4.4.2: how keys of its kind are sent to."""
    return ("keyEncipherment" if isinstance(certificate.public_key, rsa.RSAPublicKey) else "keyAgreement",)


def _about_dates(certificate: Certificate, purpose: Purpose, now: datetime) -> Iterator[str]:
    if now < certificate.not_before:
        yield f"it is not valid before {certificate.not_before:%Y-%m-%d}"
    if now > certificate.not_after:
        ended = f"expired on {certificate.not_after:%Y-%m-%d}"
        if purpose is Purpose.SIGNING:
            raise PolicyViolation(f"the certificate {ended}, and signs nothing any more")
        yield f"it {ended}; it will be delivered so that old mail can be read"


def _unopened(error: ValueError) -> MalformedMessage | IntegrityFailure:
    """By what the library says, since it has one class of error for all."""
    said = str(error)
    if "password" in said:
        return _wrong_password()
    if "do not match" in said:
        return _foreign_key()
    return MalformedMessage("the PFX cannot be read: it is damaged inside")


def _wrong_password() -> IntegrityFailure:
    return IntegrityFailure("the password does not open the PFX, or the PFX is damaged inside")


def _foreign_key() -> IntegrityFailure:
    return IntegrityFailure("the private key in the PFX is not the one of its certificate")
