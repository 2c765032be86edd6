"""Certificate extensions (RFC 5280 4.2): the value type, the walk over Extensions, one builder for each kind.

The readers of what a stranger put into an extension are in `extension_values`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Element, Fields, read_der
from shared.errors import MalformedMessage
from shared.x509.extension_values import KEY_USAGES
from shared.x509.general_names import GeneralName, build_general_names


@dataclass(frozen=True, slots=True)
class Extension:
    """One extension; `value` is what its OCTET STRING holds, `encoded` the DER of the whole."""

    oid: str
    critical: bool
    value: bytes
    encoded: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        flag = writer.boolean(True) if self.critical else b""  # DEFAULT FALSE is left out (X.690 11.5)
        encoded = writer.sequence(writer.oid(self.oid), flag, writer.octet_string(self.value))
        object.__setattr__(self, "encoded", encoded)


def parse_extensions(element: Element) -> Mapping[str, tuple[bool, bytes]]:
    """By dotted identifier: critical, and the value. Raises MalformedMessage, also if one occurs twice."""
    found: dict[str, tuple[bool, bytes]] = {}
    for child in element.expect(tags.SEQUENCE).children():
        parts = child.expect(tags.SEQUENCE).children()
        if not 2 <= len(parts) <= 3:
            raise MalformedMessage("an extension that is not an identifier, perhaps a flag, and a value")
        oid, value = values.oid(parts[0]), values.octets(parts[-1])
        # `critical FALSE` is often written out, and BER writes TRUE in many ways
        critical = len(parts) == 3 and any(parts[1].expect(tags.BOOLEAN).contents)
        if oid in found:
            raise MalformedMessage(f"extension {oid} occurs twice")  # RFC 5280 4.2
        found[oid] = (critical, value)
    return MappingProxyType(found)


@lru_cache(maxsize=16)
def basic_constraints(ca: bool, path_length: int | None = None) -> Extension:
    """basicConstraints, critical (RFC 5280 4.2.1.9). `path_length` only for a CA; ValueError otherwise."""
    if path_length is not None and (not ca or path_length < 0):
        raise ValueError("a path length that cannot be")
    limit = b"" if path_length is None else writer.integer(path_length)
    value = writer.sequence(writer.boolean(True), limit) if ca else writer.sequence()
    return Extension(oids.BASIC_CONSTRAINTS, True, value)


def key_usage(names: Iterable[str]) -> Extension:
    """keyUsage, critical (RFC 5280 4.2.1.3), from one or more of KEY_USAGES. Raises ValueError."""
    return _key_usage(frozenset(names))


@lru_cache(maxsize=64)
def _key_usage(names: frozenset[str]) -> Extension:
    if not names or not names.issubset(KEY_USAGES):
        raise ValueError(f"not key usages: {', '.join(sorted(names))}")
    return Extension(oids.KEY_USAGE, True, writer.named_bits(map(KEY_USAGES.index, names)))


def extended_key_usage(purposes: Sequence[str], *, critical: bool = False) -> Extension:
    """extKeyUsage (RFC 5280 4.2.1.12) from one or more dotted identifiers, order kept. Raises ValueError."""
    return _extended_key_usage(tuple(dict.fromkeys(purposes)), critical)


@lru_cache(maxsize=64)
def _extended_key_usage(purposes: tuple[str, ...], critical: bool) -> Extension:
    if not purposes:
        raise ValueError("an extended key usage needs a purpose")
    return Extension(oids.EXTENDED_KEY_USAGE, critical, writer.sequence(*map(writer.oid, purposes)))


def subject_alternative_name(names: Iterable[GeneralName], critical: bool = False) -> Extension:
    """subjectAltName; critical if the subject is empty (RFC 5280 4.2.1.6)."""
    return Extension(oids.SUBJECT_ALTERNATIVE_NAME, critical, build_general_names(names))


@lru_cache(maxsize=128)
def key_identifier(spki: bytes) -> bytes:
    """SHA-1 of the key's BIT STRING (RFC 5280 4.2.1.2 (1)). Raises MalformedMessage."""
    fields = Fields(read_der(spki).expect(tags.SEQUENCE))
    fields.take(tags.SEQUENCE)
    return hashlib.sha1(values.bits(fields.take()), usedforsecurity=False).digest()


def subject_key_identifier(spki: bytes) -> Extension:
    """subjectKeyIdentifier of a SubjectPublicKeyInfo. Raises MalformedMessage."""
    return Extension(oids.SUBJECT_KEY_IDENTIFIER, False, writer.octet_string(key_identifier(spki)))


@lru_cache(maxsize=64)
def authority_key_identifier(key_id: bytes) -> Extension:
    """authorityKeyIdentifier by the issuer's subjectKeyIdentifier (RFC 5280 4.2.1.1)."""
    value = writer.sequence(writer.context(0, key_id, constructed=False))
    return Extension(oids.AUTHORITY_KEY_IDENTIFIER, False, value)


def crl_distribution_points(urls: Sequence[str]) -> Extension:
    """cRLDistributionPoints (RFC 5280 4.2.1.13): one point with one or more URLs. Raises ValueError."""
    return _crl_distribution_points(tuple(urls))


@lru_cache(maxsize=64)
def _crl_distribution_points(urls: tuple[str, ...]) -> Extension:
    if not urls:
        raise ValueError("a distribution point needs a URL")
    names = b"".join(GeneralName.uri(url).encoded for url in urls)
    point = writer.sequence(writer.context(0, writer.context(0, names)))
    return Extension(oids.CRL_DISTRIBUTION_POINTS, False, writer.sequence(point))


def authority_information_access(ocsp_urls: Sequence[str], ca_urls: Sequence[str]) -> Extension:
    """authorityInfoAccess (RFC 5280 4.2.2.1). ValueError if there is no URL at all."""
    return _authority_information_access(tuple(ocsp_urls), tuple(ca_urls))


@lru_cache(maxsize=64)
def _authority_information_access(ocsp_urls: tuple[str, ...], ca_urls: tuple[str, ...]) -> Extension:
    methods = [(oids.AD_OCSP, url) for url in ocsp_urls] + [(oids.AD_CA_ISSUERS, url) for url in ca_urls]
    if not methods:
        raise ValueError("authority information needs a URL")
    parts = (writer.sequence(writer.oid(method), GeneralName.uri(url).encoded) for method, url in methods)
    return Extension(oids.AUTHORITY_INFORMATION_ACCESS, False, writer.sequence(*parts))


def microsoft_sid(sid: str) -> Extension:
    """szOID_NTDS_CA_SECURITY_EXT: the account's security identifier, `S-1-5-...` (MS-WCCE 2.2.2.7.7.4)."""
    name = writer.oid(oids.MS_NTDS_OBJECT_SID) + writer.context(0, writer.octet_string(sid.encode("ascii")))
    return Extension(oids.MS_NTDS_CA_SECURITY, False, writer.sequence(writer.context(0, name)))
