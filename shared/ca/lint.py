"""What our CA keys may sign: RFC 5280 checked on the exact bytes, before the signature (never after).

`Linter` is used inside the signing key (signing.py), so nothing unlinted can be signed. Each finding is an
IssuanceFault: by now policy has spoken, and a fault here is ours.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Fields, read_der
from shared.errors import IssuanceFault, RequestError
from shared.keys.signatures import parse_scheme
from shared.x509.certificate import Certificate, TBSCertificate, parse_tbs
from shared.x509.crl_extensions import parse_distribution_point, parse_number
from shared.x509.extensions import authority_key_identifier, parse_extensions, subject_key_identifier

_VERSION_3 = writer.context(0, writer.integer(2))
_CURVES = ("secp256r1", "secp384r1", "secp521r1")
_KNOWN_CRITICAL = {
    oids.BASIC_CONSTRAINTS,
    oids.KEY_USAGE,
    oids.EXTENDED_KEY_USAGE,
    oids.SUBJECT_ALTERNATIVE_NAME,
}
_KNOWN_CRITICAL_IN_CRL = {oids.ISSUING_DISTRIBUTION_POINT, oids.DELTA_CRL_INDICATOR}


class Signable(StrEnum):
    """The kinds of thing a CA key may sign."""

    CERTIFICATE = "end-entity certificate"
    CA_CERTIFICATE = "CA certificate"
    RESPONDER = "OCSP responder certificate"
    CRL = "CRL"
    REQUEST = "PKCS #10 request"
    ANNOUNCEMENT = "GetNextCACert announcement"


def kind_of(data: bytes) -> Signable:
    """Which of the signable things `data` is, by its first fields. Raises IssuanceFault on anything else."""
    return _read(data)[0]


def _read(data: bytes) -> tuple[Signable, TBSCertificate | Fields]:
    """The kind and what to lint: a parsed certificate, or the fields after the version."""
    try:
        whole = read_der(data)
        if whole.tag == tags.SET:
            return Signable.ANNOUNCEMENT, Fields(whole)
        contents = whole.expect(tags.SEQUENCE).contents
        if contents[:1] == _VERSION_3[:1]:  # of all that a CA signs, only a certificate begins so
            _require(contents.startswith(_VERSION_3), "version is not 3")
            certificate = parse_tbs(data)
            return _kind(certificate), certificate
        fields = Fields(whole)
        version = values.integer(fields.take(tags.INTEGER))
    except RequestError as error:
        raise IssuanceFault(f"not a structure a CA signs: {error.reason}") from error
    if version not in (0, 1):
        raise IssuanceFault("not a structure a CA signs")
    return Signable.CRL if version else Signable.REQUEST, fields


def _kind(certificate: TBSCertificate) -> Signable:
    """Whoever may sign OCSP answers is a responder, whatever else the certificate says."""
    if oids.EKU_OCSP_SIGNING in (certificate.extended_key_usage or ()):
        return Signable.RESPONDER
    return Signable.CA_CERTIFICATE if certificate.is_ca else Signable.CERTIFICATE


@dataclass(frozen=True, slots=True)
class Linter:
    """The rules for one CA certificate. `issuer` is None for a root that signs itself.

    `responder_life` is how long an OCSP responder may live, whom nobody checks for revocation: a week, and three
    days for clocks that are behind.
    """

    allowed: frozenset[Signable]
    algorithm: bytes
    issuer: Certificate | None = None
    responder_life: timedelta = timedelta(days=10)

    def lint(self, data: bytes) -> Signable:
        """Raises IssuanceFault unless `data` is of an allowed kind and keeps its rules."""
        kind, contents = _read(data)
        if kind not in self.allowed:
            raise IssuanceFault(f"this key does not sign a {kind.value}")
        try:
            if isinstance(contents, TBSCertificate):
                self._certificate(contents, kind)
            elif kind is Signable.CRL:
                self._crl(contents)
            elif kind is Signable.ANNOUNCEMENT:
                self._announcement(contents)
            else:
                self._request(contents)
        except RequestError as error:
            raise IssuanceFault(f"lint: {error.reason}") from error
        return kind

    def _crl(self, fields: Fields) -> None:
        """RFC 5280 5.1.2: whose it is and until when. What it lists is the publisher's to verify."""
        _require(fields.take().encoded == self.algorithm, "signature algorithm is not the key's")
        _require(fields.take().encoded == self._subject(), "issuer name is not the CA's subject")
        this_update = values.time(fields.take())
        next_update = fields.optional(tags.UTC_TIME, tags.GENERALIZED_TIME)
        _require(
            next_update is not None and this_update < values.time(next_update),
            "nextUpdate is missing or not after thisUpdate",
        )
        listed = fields.optional(tags.SEQUENCE)
        _require(
            listed is None or len(listed.encoded) > listed.header, "an empty list of entries is left out"
        )
        self._crl_extensions(parse_extensions(fields.take(tags.context(0)).only_child()))
        fields.finish()

    def _crl_extensions(self, extensions: Mapping[str, tuple[bool, bytes]]) -> None:
        key_id = (self.issuer.subject_key_identifier if self.issuer else None) or b""
        identifier = extensions.get(oids.AUTHORITY_KEY_IDENTIFIER)
        expected = authority_key_identifier(key_id).value
        _require(identifier == (False, expected), "authority key identifier is not the CA's key")
        number = parse_number(extensions, oids.CRL_NUMBER)
        _require(number is not None, "CRL number missing")
        _known_critical(extensions, _KNOWN_CRITICAL_IN_CRL)
        for oid in _KNOWN_CRITICAL_IN_CRL & extensions.keys():  # RFC 5280 5.2.4, 5.2.5
            _require(extensions[oid][0], f"extension {oid} of a CRL is not critical")
        if oids.ISSUING_DISTRIBUTION_POINT in extensions:
            _require(bool(parse_distribution_point(extensions)), "distribution point is not named by a URL")
        base = parse_number(extensions, oids.DELTA_CRL_INDICATOR)
        if base is not None:
            _require(oids.FRESHEST_CRL not in extensions, "a delta CRL names a delta CRL")  # 5.2.6
            _require(base <= (number or 0), "a delta CRL starts from a later one")

    def _request(self, fields: Fields) -> None:
        """RFC 2986 4.1: a CA asks only for itself."""
        _require(fields.take().encoded == self._subject(), "subject is not the CA's")
        _require(fields.take().encoded == (self.issuer.spki if self.issuer else b""), "key is not the CA's")
        fields.optional(tags.context(0))
        fields.finish()

    def _announcement(self, fields: Fields) -> None:
        """RFC 8894 4.7.1: signed attributes (RFC 5652 5.4) with content type and message digest, and no other."""
        digest = parse_scheme(self.algorithm).digest
        size = digest.algorithm.digest_size if digest else 0
        content_type = _attribute(oids.CONTENT_TYPE, writer.oid(oids.DATA))
        _require(fields.take().encoded == content_type, "content type is not data")
        attribute = fields.take().encoded
        expected = _attribute(oids.MESSAGE_DIGEST, writer.octet_string(bytes(size)))
        _require(len(attribute) == len(expected), "message digest is not by the key's algorithm")
        _require(attribute[:-size] == expected[:-size], "message digest is missing")
        fields.finish()

    def _subject(self) -> bytes:
        return self.issuer.subject.encoded if self.issuer else b""

    def _certificate(self, certificate: TBSCertificate, kind: Signable) -> None:
        _require(0 < certificate.serial < 1 << 159, "serial number is not positive or longer than 20 octets")
        _require(certificate.signature_algorithm == self.algorithm, "signature algorithm is not the key's")
        _require(certificate.not_before < certificate.not_after, "validity is empty")
        self._against_issuer(certificate)
        _key(certificate)
        _extensions(certificate, ca=kind is Signable.CA_CERTIFICATE)
        if kind is Signable.RESPONDER:
            _responder(certificate)
            life = certificate.not_after - certificate.not_before
            _require(life <= self.responder_life, "an OCSP responder that would live too long")
        else:
            unchecked = oids.OCSP_NO_CHECK in certificate.extensions
            _require(not unchecked, "only an OCSP responder goes unchecked")

    def _against_issuer(self, certificate: TBSCertificate) -> None:
        issuer = self.issuer or certificate  # a root is its own issuer
        _require(certificate.issuer.encoded == issuer.subject.encoded, "issuer name is not the CA's subject")
        _require(certificate.not_after <= issuer.not_after, "the certificate would outlive its issuer")
        identifier = certificate.extensions.get(oids.AUTHORITY_KEY_IDENTIFIER)
        if self.issuer or identifier:
            expected = authority_key_identifier(issuer.subject_key_identifier or b"").value
            _require(identifier == (False, expected), "authority key identifier is not the CA's key")


def _attribute(oid: str, value: bytes) -> bytes:
    return writer.sequence(writer.oid(oid), writer.set_of([value]))


def _key(certificate: TBSCertificate) -> None:
    key = certificate.public_key
    if isinstance(key, rsa.RSAPublicKey):
        _require(key.key_size >= 2048, "RSA key below 2048 bits")
        exponent = key.public_numbers().e
        _require(exponent % 2 == 1 and exponent > 65536, "RSA exponent is even or below 65537")
    else:
        _require(key.curve.name in _CURVES, "curve is not P-256, P-384 or P-521")


def _extensions(certificate: TBSCertificate, *, ca: bool) -> None:
    extensions = certificate.extensions
    _known_critical(extensions, _KNOWN_CRITICAL)
    _require(
        extensions.get(oids.BASIC_CONSTRAINTS, (False, b""))[0], "basic constraints missing or not critical"
    )
    critical, usage = extensions.get(oids.KEY_USAGE, (False, b""))
    _require(critical, "key usage missing or not critical")
    bits = values.named_bits(read_der(usage))
    signs = {5, 6} & bits  # keyCertSign, cRLSign
    _require(signs == {5, 6} if ca else not signs, "key usage does not fit the basic constraints")
    expected = subject_key_identifier(certificate.spki).value
    _require(
        extensions.get(oids.SUBJECT_KEY_IDENTIFIER) == (False, expected), "subject key identifier is wrong"
    )
    if not certificate.subject.rdns:
        _require(
            extensions.get(oids.SUBJECT_ALTERNATIVE_NAME, (False, b""))[0],
            "empty subject without a critical SAN",
        )
    if not ca:
        _purposes(extensions)


def _responder(certificate: TBSCertificate) -> None:
    """RFC 6960 4.2.2.2: a responder that this CA has delegated, and that serves nothing else."""
    extensions = certificate.extensions
    _require(
        certificate.extended_key_usage == (oids.EKU_OCSP_SIGNING,), "an OCSP responder has another purpose"
    )
    _require(
        certificate.key_usage == frozenset({"digitalSignature"}), "an OCSP responder has another key usage"
    )
    _require(
        extensions.get(oids.OCSP_NO_CHECK) == (False, writer.null()), "an OCSP responder without ocsp-nocheck"
    )
    _require(oids.SUBJECT_ALTERNATIVE_NAME not in extensions, "an OCSP responder with alternative names")
    key = certificate.public_key
    on_p256 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
    _require(on_p256, "an OCSP responder whose key is not on P-256")


def _known_critical(extensions: Mapping[str, tuple[bool, bytes]], known: Collection[str]) -> None:
    for oid, (critical, _) in extensions.items():
        _require(not critical or oid in known, f"critical extension {oid} has no rule here")


def _purposes(extensions: Mapping[str, tuple[bool, bytes]]) -> None:
    value = extensions.get(oids.EXTENDED_KEY_USAGE)
    if value:
        purposes = [values.oid(child) for child in read_der(value[1]).children()]
        _require(bool(purposes) and oids.ANY_EXTENDED_KEY_USAGE not in purposes, "extended key usage is open")


def _require(holds: bool, finding: str) -> None:
    if not holds:
        raise IssuanceFault(f"lint: {finding}")
