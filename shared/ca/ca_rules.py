"""What has to hold of an issuing CA's certificate and of those above it before it issues (RFC 5280 4.2, 6.1)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from shared.asn1 import oids
from shared.ca.holdings import Holdings
from shared.errors import IssuanceFault, RequestError
from shared.x509.certificate import Certificate, verify_signature

_SIGNS: Final = frozenset({"keyCertSign", "cRLSign"})
_KNOWN_CRITICAL: Final = frozenset(
    {
        oids.BASIC_CONSTRAINTS,
        oids.KEY_USAGE,
        oids.EXTENDED_KEY_USAGE,
        oids.NAME_CONSTRAINTS,
        *("2.5.29.32", "2.5.29.36", "2.5.29.54"),  # policies, policy constraints, inhibit anyPolicy
    }
)


def require(holds: bool, finding: str) -> None:
    """Raises IssuanceFault unless it holds."""
    if not holds:
        raise IssuanceFault(f"not installed: {finding}")


def check_own(own: Certificate, held: Holdings) -> None:
    """By itself, and beside what is `held` already. Raises IssuanceFault."""
    is_ca, limit = own.basic_constraints
    require(is_ca, "it is no CA certificate: ask for a subordinate CA's (in AD CS the template SubCA)")
    require(limit is None or limit >= 0, "its path length is negative")
    require(own.key_usage is None or own.key_usage >= _SIGNS, "its key usage lacks keyCertSign or cRLSign")
    require(own.subject_key_identifier is not None, "it has no subject key identifier")
    require(bool(own.subject.rdns), "its subject is empty")
    for oid, (critical, _) in own.extensions.items():
        require(not critical or oid in _KNOWN_CRITICAL, f"its critical extension {oid} is not known here")
    for each in held.own:
        before = each.certificate
        if before.spki == own.spki:
            same = (before.subject.encoded, before.subject_key_identifier)
            require(
                same == (own.subject.encoded, own.subject_key_identifier),
                "a renewed certificate has to keep name and key identifier: all that it issued names them",
            )
        else:
            require(
                not before.subject.same_as(own.subject),
                "another key of ours has this name; to many clients the two would be one: ask for another name",
            )


def check_chain(own: Certificate, chain: Sequence[Certificate], now: datetime) -> None:
    """Up to the root. Raises IssuanceFault."""
    top = chain[-1] if chain else own
    if top.issuer.encoded != top.subject.encoded:
        raise IssuanceFault(
            f"the chain ends at {top.subject.text()}: add the certificate of {top.issuer.text()}"
        )
    for below, (child, parent) in enumerate(zip((own, *chain), chain, strict=False), start=1):
        limit, name = parent.basic_constraints[1], parent.subject.text()
        require(limit is None or limit >= below, f"the path length of {name} allows no CA that far below")
        usage = parent.key_usage
        require(usage is None or "keyCertSign" in usage, f"the key usage of {name} lacks keyCertSign")
        require(
            child.not_after <= parent.not_after, f"{child.subject.text()} would outlive its issuer {name}"
        )
        expected = child.authority_key_identifier
        require(
            expected in (None, parent.subject_key_identifier),
            f"{child.subject.text()} names another key of its issuer than that of {name}",
        )
    for each in (own, *chain):
        name = each.subject.text()
        require(each.not_before <= now, f"{name} is not valid before {each.not_before:%Y-%m-%d %H:%M}Z")
        require(now < each.not_after, f"{name} has ended on {each.not_after:%Y-%m-%d}")
    if chain:
        try:
            verify_signature(own, chain[0].public_key)
        except RequestError as error:
            raise IssuanceFault(f"its signature does not hold today: {error.reason}") from error


def doubts_of(own: Certificate, chain: Sequence[Certificate]) -> list[str]:
    """What is allowed and rarely meant, a sentence each."""
    return [*_doubts_of(own), *_doubts_above(chain)]


def _doubts_of(own: Certificate) -> Iterator[str]:
    usage, limit = own.key_usage, own.basic_constraints[1]
    if usage is None:
        yield "it has no key usage, which RFC 5280 demands of a CA"
    elif "digitalSignature" not in usage:
        yield "without digitalSignature strict clients refuse what it says of its successor (GetNextCACert)"
    if limit != 0:
        yield "it may certify further CAs: with path length 0 it could not"
    if own.extended_key_usage is not None and oids.ANY_EXTENDED_KEY_USAGE not in own.extended_key_usage:
        yield "its extended key usage limits what it issues: profiles, and OCSP, need purposes that are in it"
    if oids.NAME_CONSTRAINTS in own.extensions:
        yield "its name constraints limit what it issues: relying parties refuse other names"
    if oids.CRL_DISTRIBUTION_POINTS not in own.extensions:
        yield "it names no CRL of its issuer, so nobody learns if it is revoked"


def _doubts_above(chain: Sequence[Certificate]) -> Iterator[str]:
    for child, parent in pairwise(chain):
        try:
            verify_signature(child, parent.public_key)
        except RequestError:
            yield f"{child.subject.text()} is signed with an algorithm that many refuse"
