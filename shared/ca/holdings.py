"""What is kept of a CA beside its keys: certificates for keys of ours, what is above them, CRLs of the roots.

As text it is PEM. What an own certificate's key is for stands before it as explanatory text (RFC 7468 5.2), which
other programs pass over: `Issues-From: 2027-01-01T00:00:00Z`, or `not yet` for a successor that waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

from shared.asn1.pem import explained_blocks, pem
from shared.ca.issuer import issuer_id
from shared.errors import MalformedMessage, RequestError
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl

_WAITS: Final = "not yet"
_TERM: Final = re.compile(rb"^Issues-From:[ \t]*(?P<when>[^\r\n]+?)[ \t]*\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Own:
    """A certificate for a key of ours, and from when on that key issues; None: it waits for its turn."""

    certificate: Certificate
    issues_from: datetime | None

    @property
    def id(self) -> str:
        """The issuer's id, the same for every certificate of its key."""
        return issuer_id(self.certificate.spki)


@dataclass(frozen=True, slots=True)
class Holdings:
    """`above` are CA certificates of others: roots, what is between, cross-certificates. `crls` are DER."""

    own: tuple[Own, ...] = ()
    above: tuple[Certificate, ...] = ()
    crls: tuple[bytes, ...] = field(default=(), repr=False)

    @classmethod
    def parse(cls, text: bytes) -> Holdings:
        """From PEM. Where no certificate says what its key is for, the first one is ours and issues.

        Raises MalformedMessage, also for PEM without a certificate.
        """
        blocks = explained_blocks(text)
        own = tuple(_own_certificates(blocks))
        rest = [Certificate.from_der(der) for _, label, der in blocks if label == "CERTIFICATE"]
        if not rest:
            raise MalformedMessage("PEM without a certificate")
        if not own:
            own = (Own(rest[0], rest[0].not_before),)
        ours = {each.certificate.der for each in own}
        return cls(
            own,
            tuple(each for each in rest if each.der not in ours),
            tuple(der for _, label, der in blocks if label == "X509 CRL"),
        )

    def to_pem(self) -> bytes:
        """As text: whoever issues last comes first."""
        parts = [own_pem(each) for each in sorted(self.own, key=_turn, reverse=True)]
        parts += [pem("CERTIFICATE", each.der) for each in self.above]
        return b"".join((*parts, *(pem("X509 CRL", der) for der in self.crls)))

    def with_own(self, certificate: Certificate, issues_from: datetime | None) -> Holdings:
        """With one more certificate for a key of ours. Others of the same key stay, its turn is the new one."""
        mine = issuer_id(certificate.spki)
        kept = [each for each in self.own if each.certificate.der != certificate.der]
        turned = (replace(each, issues_from=issues_from) if each.id == mine else each for each in kept)
        return replace(self, own=(Own(certificate, issues_from), *turned))

    def with_above(self, certificates: Iterable[Certificate]) -> Holdings:
        """With more certificates of others."""
        known = {each.der: each for each in (*self.above, *certificates)}
        return replace(self, above=tuple(known.values()))

    def with_crl(self, der: bytes) -> Holdings:
        """With a CRL in place of the one of the same root. Raises MalformedMessage."""
        issuer = _issuer_of(der)
        return replace(self, crls=(*(each for each in self.crls if not _is_of(each, issuer)), der))

    def with_turn(self, issuer: str, issues_from: datetime | None) -> Holdings:
        """With another moment from which on a key of ours issues."""
        changed = (replace(each, issues_from=issues_from) if each.id == issuer else each for each in self.own)
        return replace(self, own=tuple(changed))

    def without(self, issuer: str) -> Holdings:
        """Without the certificates of a key."""
        return replace(self, own=tuple(each for each in self.own if each.id != issuer))


def own_pem(own: Own) -> bytes:
    """One certificate with what its key is for."""
    when = _WAITS
    if own.issues_from is not None:
        when = own.issues_from.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"Issues-From: {when}\n".encode() + pem("CERTIFICATE", own.certificate.der)


def _issuer_of(der: bytes) -> tuple[bytes, bytes | None]:
    crl = parse_crl(der)
    return crl.issuer.encoded, crl.authority_key_identifier


def _is_of(der: bytes, issuer: tuple[bytes, bytes | None]) -> bool:
    """Whether a kept CRL may go because there is a new one; one that cannot be read may."""
    try:
        return _issuer_of(der) == issuer
    except RequestError:
        return True


def _own_certificates(blocks: list[tuple[bytes, str, bytes]]) -> Iterable[Own]:
    for text, label, der in blocks:
        terms = _TERM.findall(text)
        if label == "CERTIFICATE" and terms:
            yield Own(Certificate.from_der(der), _moment(terms[-1].decode("ascii", "replace")))


def _moment(text: str) -> datetime | None:
    if text == _WAITS:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise MalformedMessage(f"Issues-From: {text[:40]!r} is no time") from None
    if found.tzinfo is None:
        raise MalformedMessage(f"Issues-From: {text[:40]!r} has no time zone")
    return found


def _turn(own: Own) -> tuple[bool, datetime]:
    return own.issues_from is not None, own.issues_from or own.certificate.not_before
