"""Challenges as Intune makes them: what a request must look like, signed and encrypted, opaque to everybody else.

How Intune does it is not public; what can go wrong is, so each result code can be had by one wish in `mint`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography import x509
from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import AttributeOID

from shared.policy.alternative_names import san_from_text
from shared.x509.general_names import parse_general_names

SIGNER = "3C0FFEE3"


class Rejected(Exception):
    """A result code other than Success."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Challenges:
    """Mints and checks. `untargeted` are the request ids whose profile was taken away meanwhile."""

    key: bytes = field(default_factory=Fernet.generate_key)
    untargeted: set[str] = field(default_factory=set)
    request_ids: set[str] = field(default_factory=set)

    def mint(self, subject: str, sans: tuple[str, ...] = (), *, size: int = 4096, **wishes: Any) -> str:
        """A challenge of at least `size` characters for a request with this subject (RFC 4514) and these SANs
        (`dns:host`, ...).

        Wishes: `key_size`, `key_usage`, `extended_key_usage`, `lifetime`, and whatever is to be wrong.
        """
        request_id = wishes.pop("request_id", None) or f"request-{len(self.request_ids) + 1}"
        self.request_ids.add(request_id)
        content = {
            "subject": subject,
            "sans": sorted(sans),
            "expires": time.time() + wishes.pop("lifetime", 3600),
            "signer": SIGNER,
            "request": request_id,
            "device": "device-1",
            "user": "user-1",
            **wishes,
        }
        return self.seal(content, size)

    def seal(self, content: dict[str, Any], size: int = 0, *, signing_key: bytes | None = None) -> str:
        """Sign and encrypt; padding makes it as long as real ones are."""
        text = json.dumps(content)
        padding = "." * max(0, size * 3 // 4 - len(text) - 180)
        signature = hmac.new(signing_key or self.key, text.encode(), sha256).hexdigest()
        document = {"content": text, "signature": signature, "padding": padding}
        sealed = Fernet(self.key).encrypt(json.dumps(document).encode()).decode()
        while len(sealed) < size:
            document["padding"] += "." * 24
            sealed = Fernet(self.key).encrypt(json.dumps(document).encode()).decode()
        return sealed

    def check(self, der: bytes) -> None:
        """Raises Rejected with the code of the first thing that is wrong."""
        try:
            request = x509.load_der_x509_csr(der)
            _ = request.subject, request.extensions
        except ValueError:
            raise Rejected("CertificateRequestDecodingFailed") from None
        try:
            found = request.attributes.get_attribute_for_oid(AttributeOID.CHALLENGE_PASSWORD).value
        except x509.AttributeNotFound:
            raise Rejected("ChallengePasswordMissing") from None
        content = self._open(found)
        self._check_circumstances(content)
        _check_names(content, request)
        _check_key(content, request)
        _check_usages(content, request)

    def _open(self, challenge: bytes) -> dict[str, Any]:
        try:
            base64.urlsafe_b64decode(challenge.decode("ascii"))
        except (binascii.Error, ValueError):
            raise Rejected("ChallengeDecodingError") from None
        try:
            document = json.loads(Fernet(self.key).decrypt(challenge))
            text, signature = document["content"], document["signature"]
            content: dict[str, Any] = json.loads(text)
        except InvalidToken:
            raise Rejected("ChallengeDecryptionError") from None
        except (ValueError, LookupError, TypeError):
            raise Rejected("ChallengeDeserializationError") from None
        if not hmac.compare_digest(hmac.new(self.key, text.encode(), sha256).hexdigest(), signature):
            raise Rejected("SignatureValidationFailed")
        return content

    def _check_circumstances(self, content: dict[str, Any]) -> None:
        ends = content.get("expires")
        checks = [
            ("SigningCertThumbprintMismatch", content.get("signer") == SIGNER),
            ("ChallengeInvalidTimestamp", isinstance(ends, int | float)),
            ("ChallengeExpired", isinstance(ends, int | float) and time.time() < ends),
            ("BadCertificateRequestIdInChallenge", content.get("request") in self.request_ids),
            ("BadDeviceIdInChallenge", str(content.get("device")).startswith("device-")),
            ("BadUserIdInChallenge", str(content.get("user")).startswith("user-")),
            ("ScepProfileNoLongerTargetedToTheClient", content.get("request") not in self.untargeted),
        ]
        _first_that_fails(checks)


def _check_names(content: dict[str, Any], request: x509.CertificateSigningRequest) -> None:
    sans = _extension(request, x509.SubjectAlternativeName)
    found = [] if sans is None else parse_general_names(sans.public_bytes())
    expected = sorted(san_from_text(text).text() for text in content["sans"])
    _first_that_fails(
        [
            ("SubjectNameMissing", bool(list(request.subject)) or not content["subject"]),
            ("SubjectNameMismatch", request.subject.rfc4514_string() == content["subject"]),
            ("SubjectAltNameMissing", bool(found) or not expected),
            ("SubjectAltNameMismatch", sorted(name.text() for name in found) == expected),
        ]
    )


def _check_key(content: dict[str, Any], request: x509.CertificateSigningRequest) -> None:
    key = request.public_key()
    size = key.key_size if isinstance(key, rsa.RSAPublicKey) else 0
    digest = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    registered = content.get("registered_keys", [digest])
    _first_that_fails(
        [
            ("KeyLengthMismatch", size == content.get("key_size", size)),
            ("AadKeyIdentifierListMissing", registered is not None),
            ("RegisteredKeyMismatch", digest in (registered or ())),
        ]
    )


def _check_usages(content: dict[str, Any], request: x509.CertificateSigningRequest) -> None:
    usage = _extension(request, x509.KeyUsage)
    purposes = _extension(request, x509.ExtendedKeyUsage)
    found = [] if purposes is None else sorted(each.dotted_string for each in purposes)
    signs = usage is not None and usage.digital_signature
    expected = content.get("extended_key_usage")
    _first_that_fails(
        [
            ("KeyUsageMismatch", signs or content.get("key_usage") is None),
            ("EnhancedKeyUsageMissing", bool(found) or expected is None),
            ("EnhancedKeyUsageMismatch", expected is None or found == sorted(expected)),
        ]
    )


def _extension(request: x509.CertificateSigningRequest, kind: Any) -> Any:
    try:
        return request.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _first_that_fails(checks: list[tuple[str, bool]]) -> None:
    for code, holds in checks:
        if not holds:
            raise Rejected(code)
