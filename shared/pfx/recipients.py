"""Whom a delivery is sealed to: a live certificate of the device, or a bare key where the profile says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.asn1.pem import from_pem
from shared.ca.issuers import Issuers
from shared.errors import AlgorithmRefused, MalformedMessage, PolicyViolation
from shared.pfx.order import RecipientKey
from shared.pfx.sealing import Recipient
from shared.policy.pkcs import PKCSRules
from shared.store.ports import CertificateRecord, CertificateStore, Claim, Inventory, Status
from shared.x509.certificate import Certificate, TBSCertificate, parse_tbs

MADE_HERE: Final = "pkcs:"
"""How `vouched_by` begins where the key was made here: such a key is not one that the device made for itself."""
_MOST_TRIED: Final = 8
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class RecipientRefused(PolicyViolation):
    """A certificate that may not or cannot be sealed to."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"recipient: {reason}", public=f"The recipient: {reason}.")


class Records(CertificateStore, Inventory, Protocol):
    """What is on record of a device's certificates."""


@dataclass(frozen=True, slots=True)
class Recipients:
    """Certificates of every CA of ours count, whichever it is that issues now."""

    records: Records
    issuers: Issuers

    def find(
        self, named: RecipientKey | None, rules: PKCSRules, *, device: str, user: str, now: datetime
    ) -> Recipient:
        """Whom to seal to. Raises RecipientRefused, AlgorithmRefused, MalformedMessage, StoreUnavailable."""
        if named is not None and named.serial is None:
            if rules.recipient != "bare-key":
                raise RecipientRefused("a bare key is not allowed by the profile")
            return Recipient(from_jwk(named.jwk) if named.jwk is not None else from_key(named.key or ""))
        if not device:
            raise RecipientRefused("the order names no device whose certificate to seal to")
        if named is not None and named.serial is not None:
            return self._by_serial(named.serial.lower(), device=device, user=user, now=now)
        return self._newest(device=device, user=user, now=now)

    def _by_serial(self, serial: str, *, device: str, user: str, now: datetime) -> Recipient:
        found = (self.records.find(each.id, serial) for each in self.issuers.known())
        record = next((each for each in found if each is not None), None)
        if record is None or record.device.lower() != device.lower():
            raise RecipientRefused("no certificate of this device has that serial number")
        return _recipient(record, user, now)

    def _newest(self, *, device: str, user: str, now: datetime) -> Recipient:
        """The newest that serves; if there is none, what is wrong with the newest."""
        refusal: PolicyViolation | AlgorithmRefused | None = None
        for record in self._candidates(device, now):
            try:
                return _recipient(record, user, now)
            except (RecipientRefused, AlgorithmRefused) as refused:
                refusal = refusal or refused
        raise refusal or RecipientRefused("the device has no certificate of ours")

    def _candidates(self, device: str, now: datetime) -> Iterator[CertificateRecord]:
        """One query of the owner's rows, and a read for each that could serve by what its row says."""
        ours = {each.id for each in self.issuers.known()}
        claims = [
            claim
            for claim in self.records.owned_by(f"device:{device.lower()}")
            if claim.issuer in ours and not claim.vouched_by.startswith(MADE_HERE)
        ]
        claims.sort(key=age, reverse=True)
        alive = [claim for claim in claims if parse_tbs(claim.tbs).not_after > now]
        for claim in (alive or claims)[:_MOST_TRIED]:
            record = self.records.find(claim.issuer, claim.serial)
            if record is not None and record.certificate is not None:
                yield record


def age(claim: Claim) -> tuple[datetime, bool]:
    """What to sort by, the newest last: of one second, what renewed is the newer one."""
    return claim.claimed_at, claim.vouched_by.startswith("renewal:")


def _recipient(record: CertificateRecord, user: str, now: datetime) -> Recipient:
    if record.vouched_by.startswith(MADE_HERE):
        raise RecipientRefused("the key of that certificate was made here, not by the device")
    if record.user and record.user.lower() != user.lower():
        raise RecipientRefused("the certificate is that of another user of the device")
    if record.status is not Status.GOOD or record.certificate is None:
        raise RecipientRefused(f"the certificate is {record.status.value}")
    if record.not_after <= now:
        raise RecipientRefused("the certificate has expired")
    certificate = Certificate.from_der(record.certificate)
    check_usage(certificate)
    return Recipient.of(certificate)


def check_usage(certificate: TBSCertificate) -> None:
    """keyEncipherment for key transport, keyAgreement for key agreement (RFC 5280 4.2.1.3). Raises RecipientRefused."""
    needed = "keyEncipherment" if isinstance(certificate.public_key, rsa.RSAPublicKey) else "keyAgreement"
    if certificate.key_usage is not None and needed not in certificate.key_usage:
        raise RecipientRefused(f"the key usage of the certificate lacks {needed}")


def from_key(text: str) -> bytes:
    """The SubjectPublicKeyInfo (DER) in a PEM text (RFC 7468 13). Raises MalformedMessage."""
    blocks = from_pem(text.encode("utf-8", "replace"))
    if [label for label, _ in blocks] != ["PUBLIC KEY"]:
        raise MalformedMessage(
            "recipient.key is not one PUBLIC KEY in PEM",
            public="recipient.key has to be one PUBLIC KEY in PEM.",
        )
    return blocks[0][1]


def from_jwk(jwk: Mapping[str, Any]) -> bytes:
    """The SubjectPublicKeyInfo (DER) of a JSON Web Key (RFC 7517, 7518 6), RSA or P-256. Raises MalformedMessage."""
    from jwt.algorithms import ECAlgorithm, RSAAlgorithm  # only who sends a JWK needs the library
    from jwt.exceptions import InvalidKeyError

    if _PRIVATE & jwk.keys():
        raise MalformedMessage(
            "recipient.jwk is a private key", public="recipient.jwk must not hold a private key."
        )
    readers: dict[str, type[RSAAlgorithm | ECAlgorithm]] = {"RSA": RSAAlgorithm, "EC": ECAlgorithm}
    reader = readers.get(str(jwk.get("kty")))
    if reader is None:
        raise AlgorithmRefused(
            "a JWK of another kind than RSA and EC", public="recipient.jwk has to be RSA or EC."
        )
    try:
        key = reader.from_jwk(dict(jwk))
    except (InvalidKeyError, ValueError, TypeError, KeyError, AttributeError):
        raise MalformedMessage("a JWK that cannot be read", public="recipient.jwk cannot be read.") from None
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise MalformedMessage("a JWK that is no public key", public="recipient.jwk cannot be read.")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
