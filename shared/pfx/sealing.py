"""Sealing a short secret, such as the password of a PFX, so that one device can open it.

Three forms: `cms` is EnvelopedData (RFC 5652) by RSAES-OAEP with SHA-256 or, for P-256, by key agreement (RFC 5753);
`cms-pkcs1` the same by RSAES-PKCS1-v1_5; `rsa-oaep-256` the bare RSAES-OAEP ciphertext (RFC 8017 7.1).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from shared.asn1 import writer
from shared.cms.algorithms import KeyTransport
from shared.cms.enveloped import MIN_RSA_BITS, seal_for, transported
from shared.cms.identifiers import issuer_and_serial_number
from shared.cms.key_agreement import CURVE, agreed
from shared.errors import AlgorithmRefused
from shared.policy.pkcs import SealingForm
from shared.x509.certificate import Certificate
from shared.x509.extensions import key_identifier
from shared.x509.public_key import PublicKey, load_public_key

MAX_RSA_BITS: Final = 8192
FORMS: Final[tuple[SealingForm, ...]] = ("rsa-oaep-256", "cms", "cms-pkcs1")
_OAEP: Final = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
_TRANSPORTS: Final = {"cms": "rsa-oaep-256", "cms-pkcs1": "rsa"}

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who can open: the holder of a key, named by a certificate where there is one.

    Raises AlgorithmRefused for a key that nothing is sealed to.
    """

    spki: bytes = field(repr=False)
    certificate: Certificate | None = None
    public_key: PublicKey = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        key = load_public_key(self.spki)
        if isinstance(key, rsa.RSAPublicKey):
            if not MIN_RSA_BITS <= key.key_size <= MAX_RSA_BITS:
                raise _unfit(f"an RSA key of {key.key_size} bits; it takes {MIN_RSA_BITS} to {MAX_RSA_BITS}")
        elif not isinstance(key.curve, CURVE):
            raise _unfit(f"a key on {key.curve.name}; of curves it takes P-256")
        object.__setattr__(self, "public_key", key)

    @classmethod
    def of(cls, certificate: Certificate) -> Recipient:
        """The holder of a certificate's key."""
        return cls(certificate.spki, certificate)

    @property
    def forms(self) -> tuple[SealingForm, ...]:
        """What can be sealed to the key."""
        return FORMS if isinstance(self.public_key, rsa.RSAPublicKey) else ("cms",)

    @property
    def key_identifier(self) -> bytes:
        """The certificate's key identifier, or what it would be (RFC 5280 4.2.1.2 (1))."""
        named = self.certificate.subject_key_identifier if self.certificate else None
        return named or key_identifier(self.spki)


@dataclass(frozen=True, slots=True)
class Sealed:
    """A secret in one of the forms: DER of a ContentInfo, or a bare RSA ciphertext."""

    form: SealingForm
    data: bytes = field(repr=False)


def choose_forms(
    recipient: Recipient, allowed: Sequence[SealingForm], asked: Iterable[SealingForm] = ()
) -> tuple[SealingForm, ...]:
    """Those that are asked for, or all `allowed` that the recipient's key can do. Raises AlgorithmRefused."""
    wanted = tuple(dict.fromkeys(asked))
    for form in wanted:
        if form not in allowed:
            raise _refused(f"the profile seals as {', '.join(allowed)}, not as {form}")
        if form not in recipient.forms:
            raise _refused(f"{form} cannot be sealed to a key of this kind")
    chosen = wanted or tuple(form for form in allowed if form in recipient.forms)
    if not chosen:
        raise _refused(f"none of {', '.join(allowed)} can be sealed to a key of this kind")
    return chosen


def seal(
    secret: bytes, recipient: Recipient, forms: Sequence[SealingForm], *, random: Random = secrets.token_bytes
) -> tuple[Sealed, ...]:
    """`secret` once in each form. Raises AlgorithmRefused, also for a secret that is too long for a bare ciphertext."""
    return tuple(Sealed(form, _seal(secret, recipient, form, random)) for form in forms)


def _seal(secret: bytes, recipient: Recipient, form: SealingForm, random: Random) -> bytes:
    key = recipient.public_key
    if isinstance(key, ec.EllipticCurvePublicKey):
        if form != "cms":
            raise _refused(f"{form} cannot be sealed to a key of this kind")
        identifier = _agreement_identifier(recipient)
        return seal_for(
            secret, lambda content_key: agreed(content_key, key, identifier), version=2, random=random
        )
    if form == "rsa-oaep-256":
        longest = key.key_size // 8 - 2 * hashes.SHA256.digest_size - 2  # RFC 8017 7.1.1
        if len(secret) > longest:
            raise _refused(f"a secret of {len(secret)} octets is too long for {form}: {longest} fit; use cms")
        return key.encrypt(secret, _OAEP)
    transport, (identifier, version) = KeyTransport.named(_TRANSPORTS[form]), _transport_identifier(recipient)

    def wrap(content_key: bytes) -> bytes:
        return transported(content_key, key, transport, identifier, version=version)

    return seal_for(secret, wrap, version=version, random=random)


def _transport_identifier(recipient: Recipient) -> tuple[bytes, int]:
    """RecipientIdentifier and the version that goes with it (RFC 5652 6.2.1)."""
    if recipient.certificate is not None:
        return issuer_and_serial_number(recipient.certificate.der), 0
    return writer.context(0, recipient.key_identifier, constructed=False), 2


def _agreement_identifier(recipient: Recipient) -> bytes:
    """KeyAgreeRecipientIdentifier (RFC 5652 6.2.2)."""
    if recipient.certificate is not None:
        return issuer_and_serial_number(recipient.certificate.der)
    return writer.context(0, writer.octet_string(recipient.key_identifier))


def _unfit(what: str) -> AlgorithmRefused:
    return _refused(f"nothing is sealed to {what}")


def _refused(why: str) -> AlgorithmRefused:
    return AlgorithmRefused(why, public=f"{why[0].upper()}{why[1:]}.")
