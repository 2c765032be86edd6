"""Signature algorithms as DER AlgorithmIdentifiers (RFC 3279, 4055, 5758, 8410), sign and verify.

Certificates, requests, CRLs and CMS all sign and verify here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields, read_der
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from shared.keys import digests
from shared.keys.digests import Digest
from shared.keys.ports import SigningKey

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey

Kind = Literal["rsa", "pss", "ecdsa", "ed25519"]

_NAMED: Final[dict[str, tuple[Kind, str | None]]] = {
    oids.SHA256_WITH_RSA: ("rsa", "sha256"),
    oids.SHA384_WITH_RSA: ("rsa", "sha384"),
    oids.SHA512_WITH_RSA: ("rsa", "sha512"),
    oids.SHA1_WITH_RSA: ("rsa", "sha1"),
    oids.SHA1_WITH_RSA_OIW: ("rsa", "sha1"),
    oids.MD5_WITH_RSA: ("rsa", "md5"),
    oids.ECDSA_WITH_SHA256: ("ecdsa", "sha256"),
    oids.ECDSA_WITH_SHA384: ("ecdsa", "sha384"),
    oids.ECDSA_WITH_SHA512: ("ecdsa", "sha512"),
    oids.ECDSA_WITH_SHA1: ("ecdsa", "sha1"),
    oids.ED25519: ("ed25519", None),
    # CMS lets a signer name its kind of key and leave the digest to the field beside it (RFC 3370 3.2)
    oids.RSA_ENCRYPTION: ("rsa", None),
    oids.EC_PUBLIC_KEY: ("ecdsa", None),
}
_OIDS: Final = {scheme: oid for oid, scheme in reversed(_NAMED.items())}
_CURVE_DIGESTS: Final = {"secp256r1": "sha256", "secp384r1": "sha384", "secp521r1": "sha512"}
_MAX_SALT: Final = 512
_MAX_IDENTIFIER: Final = 512  # octets; the longest, PSS with all its parameters, has about 70


@dataclass(frozen=True, slots=True)
class Scheme:
    """What a signature's AlgorithmIdentifier says; `digest` is None if it names none."""

    kind: Kind
    digest: Digest | None
    salt: int = 0
    mgf: Digest | None = None


def signature_algorithm(key: SigningKey | PublicKey, digest: str | None = None) -> bytes:
    """AlgorithmIdentifier (DER) that `sign` uses for this key: PKCS #1 v1.5 for RSA, ECDSA for EC.

    `digest` is a name; by default SHA-256 for RSA, the curve's strength for EC. Raises AlgorithmRefused.
    """
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return _identifier("rsa", digest or "sha256")
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return _identifier("ecdsa", digest or _curve_digest(key))
    raise AlgorithmRefused(f"no signature algorithm for a {type(key).__name__}")


def sign(key: SigningKey, data: bytes, digest: str | None = None) -> bytes:
    """The signature over `data`, by the algorithm that `signature_algorithm` names for the same arguments."""
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digests.by_name(digest or "sha256").algorithm)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(digests.by_name(digest or _curve_digest(key)).algorithm))
    raise AlgorithmRefused(f"no signature algorithm for a {type(key).__name__}")


def verify(
    public_key: object,
    algorithm_identifier: bytes,
    data: bytes,
    signature: bytes,
    *,
    digest: str | None = None,
    allow_legacy: bool = False,
) -> None:
    """Returns if `signature` over `data` holds; `digest` stands in where the identifier names none (CMS).

    Raises IntegrityFailure; AlgorithmRefused for an unknown algorithm, or a digest below SHA-256 unless
    `allow_legacy`; MalformedMessage if the identifier cannot be read.
    """
    scheme = parse_scheme(algorithm_identifier)
    used = scheme.digest or (digests.by_name(digest) if digest else None)
    if used is not None:
        used.require(allow_legacy=allow_legacy)
    elif scheme.kind != "ed25519":
        raise AlgorithmRefused("the signature algorithm names no digest")
    try:
        _verify(public_key, scheme, used, data, signature)
    except (InvalidSignature, ValueError):
        raise IntegrityFailure("the signature does not hold") from None
    except UnsupportedAlgorithm:
        raise AlgorithmRefused("this platform's cryptography refuses the signature algorithm") from None


@lru_cache(maxsize=128)
def parse_scheme(algorithm_identifier: bytes) -> Scheme:
    """What the AlgorithmIdentifier says. Raises AlgorithmRefused, MalformedMessage."""
    if len(algorithm_identifier) > _MAX_IDENTIFIER:
        raise MalformedMessage("a signature algorithm of unheard-of length")
    fields = Fields(read_der(algorithm_identifier).expect(tags.SEQUENCE))
    oid = values.oid(fields.take())
    parameters = fields.take() if fields.more() else None
    fields.finish()
    if oid == oids.RSASSA_PSS:
        return _pss(parameters)
    if oid not in _NAMED:
        raise AlgorithmRefused(f"signature algorithm {oid} is not known")
    # By its contents: in BER the length of NULL may be written in more octets than one
    missing = parameters is None or (parameters.tag == tags.NULL and not parameters.contents)
    if oid != oids.EC_PUBLIC_KEY and not missing:
        raise MalformedMessage("a signature algorithm with parameters it does not have")
    kind, name = _NAMED[oid]
    return Scheme(kind, digests.by_name(name) if name else None)


def _verify(key: object, scheme: Scheme, digest: Digest | None, data: bytes, signature: bytes) -> None:
    if scheme.kind == "ed25519" and isinstance(key, ed25519.Ed25519PublicKey):
        return key.verify(signature, data)
    if digest is None:
        raise IntegrityFailure("the signature algorithm is not one of this kind of key")
    if scheme.kind == "rsa" and isinstance(key, rsa.RSAPublicKey):
        return key.verify(signature, data, padding.PKCS1v15(), digest.algorithm)
    if scheme.mgf is not None and isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(scheme.mgf.algorithm), scheme.salt)
        return key.verify(signature, data, pss, digest.algorithm)
    if scheme.kind == "ecdsa" and isinstance(key, ec.EllipticCurvePublicKey):
        return key.verify(signature, data, ec.ECDSA(digest.algorithm))
    raise IntegrityFailure("the signature algorithm is not one of this kind of key")


def _curve_digest(key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey) -> str:
    if key.curve.name not in _CURVE_DIGESTS:
        raise AlgorithmRefused(f"curve {key.curve.name} is not supported")
    return _CURVE_DIGESTS[key.curve.name]


@lru_cache(maxsize=16)
def _identifier(kind: Kind, digest: str) -> bytes:
    oid = _OIDS.get((kind, digests.by_name(digest).name))
    if oid is None:
        raise AlgorithmRefused(f"no signature algorithm of kind {kind} with {digest}")
    # RFC 4055 5: NULL for RSA; RFC 5758 3.2: nothing for ECDSA
    return writer.sequence(writer.oid(oid), *([writer.null()] if kind == "rsa" else []))


def _pss(parameters: Element | None) -> Scheme:
    """RSASSA-PSS-params (RFC 4055 3.1), each with its default."""
    if parameters is None:
        raise MalformedMessage("RSASSA-PSS without parameters")
    fields = Fields(parameters.expect(tags.SEQUENCE))
    digest = digest_parameter(fields.optional(tags.context(0)))
    mgf = mask_parameter(fields.optional(tags.context(1)))
    salt_field = fields.optional(tags.context(2))
    trailer = fields.optional(tags.context(3))
    fields.finish()
    salt = values.integer(salt_field.only_child()) if salt_field else 20
    if not 0 <= salt <= _MAX_SALT or (trailer and values.integer(trailer.only_child()) != 1):
        raise MalformedMessage("RSASSA-PSS parameters that cannot be")
    return Scheme("pss", digest, salt, mgf)


def digest_parameter(explicit: Element | None) -> Digest:
    """The digest in an explicitly tagged AlgorithmIdentifier; SHA-1 where it is left out (RFC 4055 2.1)."""
    if explicit is None:
        return digests.by_name("sha1")
    return digests.by_oid(values.oid(Fields(explicit.only_child().expect(tags.SEQUENCE)).take()))


def mask_parameter(explicit: Element | None) -> Digest:
    """The digest of MGF1 in an explicitly tagged AlgorithmIdentifier; SHA-1 by default (RFC 4055 2.2)."""
    if explicit is None:
        return digests.by_name("sha1")
    fields = Fields(explicit.only_child().expect(tags.SEQUENCE))
    function = values.oid(fields.take())
    if function != oids.MGF1:
        raise AlgorithmRefused(f"mask generation function {function} is not known")
    return digests.by_oid(values.oid(Fields(fields.take(tags.SEQUENCE)).take()))
