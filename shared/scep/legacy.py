"""Which legacy algorithms a message was taken with, and what its client should be set to instead."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final, NamedTuple

from shared.asn1 import tags
from shared.asn1.reader import Fields, read_der
from shared.cms.algorithms import ContentCipher
from shared.cms.signed import SignedMessage
from shared.errors import AlgorithmRefused, MalformedMessage
from shared.keys.digests import Digest, by_oid
from shared.keys.signatures import parse_scheme
from shared.x509.request import CertificateRequest

_DIGEST: Final = "set its digest (strongSwan --digest, sscep -S) to sha256"
_CIPHER: Final = "set its encryption (strongSwan --cipher, sscep -E) to aes"


class LegacyUse(NamedTuple):
    """The name of a legacy algorithm, and which setting of the client ends its use."""

    name: str
    remedy: str


def in_message(signed: SignedMessage) -> set[LegacyUse]:
    """The legacy digests that a message was signed with; those nobody can read are refused elsewhere."""
    found: set[LegacyUse] = set()
    with suppress(AlgorithmRefused):
        found |= _digest(by_oid(signed.digest_oid))
    with suppress(AlgorithmRefused, MalformedMessage):
        found |= _digest(parse_scheme(signed.signature_algorithm).digest)
    return found


def in_request(request: CertificateRequest) -> set[LegacyUse]:
    """The legacy digest that a certification request was signed with."""
    fields = Fields(read_der(request.der))
    fields.take()
    return _digest(parse_scheme(fields.take(tags.SEQUENCE).encoded).digest)


def in_envelope(cipher: ContentCipher) -> set[LegacyUse]:
    """The cipher, if it is a legacy one."""
    return {LegacyUse(cipher.label, _CIPHER)} if cipher.legacy else set()


def advice(uses: Iterable[LegacyUse]) -> str:
    """All names, and all that is to be set."""
    ordered = sorted(uses)
    remedies = "; ".join(dict.fromkeys(use.remedy for use in ordered))
    return f"{', '.join(use.name for use in ordered)}: the client should not use it; {remedies}"


def _digest(digest: Digest | None) -> set[LegacyUse]:
    return {LegacyUse(digest.label, _DIGEST)} if digest is not None and digest.legacy else set()
