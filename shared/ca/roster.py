"""Every CA of the house at a moment, as certificates: by name, generation after generation; and what is above them.

A generation is one key of a CA. The one whose turn came last issues; those before it issue no more, and go on with
CRL and OCSP; those whose turn has not come are successors. No key is needed to know any of this.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property

from shared.ca.holdings import Holdings
from shared.ca.issuer import issuer_id
from shared.errors import KeyUnavailable, RequestError
from shared.x509.certificate import Certificate, verify_signature
from shared.x509.crl import parse_crl, verify_crl

DEFAULT = "default"
"""The CA of profiles that name none."""
_LONGEST_CHAIN = 8
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Generation:
    """One key of the CA called `ca`. `chain` goes up from its parent to the root; `earlier` are certificates of the
    same key that were renewed. It issues from `issues_from` on; None: it waits."""

    ca: str
    certificate: Certificate
    chain: tuple[Certificate, ...]
    issues_from: datetime | None
    earlier: tuple[Certificate, ...] = ()

    @property
    def id(self) -> str:
        return issuer_id(self.certificate.spki)

    def has_turn(self, now: datetime) -> bool:
        """Whether its time to issue has come, be it over or not."""
        return self.issues_from is not None and self.issues_from <= now


@dataclass(frozen=True)
class Roster:
    """`faults` says why a CA is not here at all."""

    generations: tuple[Generation, ...]
    above: tuple[Certificate, ...] = ()
    crls: tuple[bytes, ...] = field(default=(), repr=False)
    faults: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, holdings: Mapping[str, Holdings], faults: Mapping[str, str] | None = None) -> Roster:
        """From what is kept of each CA, by name."""
        above = {each.der: each for held in holdings.values() for each in held.above}
        crls = {der: None for held in holdings.values() for der in held.crls}
        found = [each for name, held in holdings.items() for each in _generations(name, held)]
        return cls(tuple(found), tuple(above.values()), tuple(crls), faults or {})

    def issuing(self, ca: str, now: datetime) -> Generation:
        """Who issues for `ca`. Raises KeyUnavailable if nobody does."""
        found = self.current(ca, now)
        if found is None:
            raise KeyUnavailable(self.faults.get(ca) or f"CA {ca}: no certificate of it is installed")
        return found

    def current(self, ca: str, now: datetime) -> Generation | None:
        """The same, None if nobody does."""
        turns = (each for each in self.of_ca(ca) if each.has_turn(now))
        return max(
            turns,
            key=lambda each: (each.issues_from or _NEVER, each.certificate.not_before),
            default=None,
        )

    def successor(self, ca: str, now: datetime) -> Generation | None:
        """Who will issue for `ca` after the one that does now, None as long as nobody is prepared."""
        waiting = [each for each in self.of_ca(ca) if not each.has_turn(now)]
        return min(waiting, key=lambda each: each.issues_from or _NEVER, default=None)

    def former(self, ca: str, now: datetime) -> list[Generation]:
        """Those of `ca` whose turn is over."""
        current = self.issuing(ca, now)
        return [each for each in self.of_ca(ca) if each.has_turn(now) and each.id != current.id]

    def of_ca(self, ca: str) -> list[Generation]:
        return [each for each in self.generations if each.ca == ca]

    def find(self, issuer: str) -> Generation | None:
        """The generation of that issuer id."""
        return next((each for each in self.generations if each.id == issuer), None)

    @cached_property
    def roots(self) -> tuple[Certificate, ...]:
        """Each root once."""
        tops = (each.chain[-1] if each.chain else each.certificate for each in self.generations)
        return tuple({root.spki: root for root in tops if _is_self_signed(root)}.values())

    @cached_property
    def root_crls(self) -> Mapping[str, bytes]:
        """The newest CRL (DER) of each root that has one, by the root's id."""
        found = {issuer_id(root.spki): _newest(root, self.crls) for root in self.roots}
        return {root: der for root, der in found.items() if der is not None}

    @cached_property
    def revoked(self) -> frozenset[str]:
        """The ids of generations whose certificate a root has taken back, by its CRL that is here."""
        lists = {root: parse_crl(der) for root, der in self.root_crls.items()}
        return frozenset(
            each.id
            for each in self.generations
            for root in self.roots
            if issuer_id(root.spki) in lists
            and is_issued_by(each.certificate, root)
            and lists[issuer_id(root.spki)].find(each.certificate.serial_hex) is not None
        )

    @cached_property
    def crosses(self) -> tuple[Certificate, ...]:
        """What another root has given to a key that is a root's or an issuing CA's, too (RFC 4210 4.4)."""
        keys = {each.spki for each in (*self.roots, *(own.certificate for own in self.generations))}
        return tuple(each for each in self.above if each.spki in keys and not _is_self_signed(each))

    def issued_by(self, authority: Certificate) -> Iterator[Certificate]:
        """Every CA certificate here that `authority` has signed, its own among them."""
        own = (
            each for generation in self.generations for each in (generation.certificate, *generation.earlier)
        )
        return (each for each in (*own, *self.above) if is_issued_by(each, authority))


def chain_of(certificate: Certificate, pool: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Parent first, up to the root, as far as `pool` goes. A root goes before a cross-certificate of the same key."""
    found: list[Certificate] = []
    candidates, child = list(pool), certificate
    while not _is_self_signed(child) and len(found) < _LONGEST_CHAIN:
        parents = [each for each in candidates if is_issued_by(child, each) and each not in found]
        if not parents:
            break
        child = max(parents, key=lambda each: (_is_self_signed(each), each.not_after))
        found.append(child)
    return tuple(found)


def is_issued_by(certificate: Certificate, authority: Certificate) -> bool:
    """By name, which is cheap, then by signature; old roots sign with SHA-1."""
    if certificate.issuer.encoded != authority.subject.encoded or not authority.is_ca:
        return False
    try:
        verify_signature(certificate, authority.public_key, allow_legacy=True)
    except RequestError:
        return False
    return True


def _is_self_signed(certificate: Certificate) -> bool:
    return is_issued_by(certificate, certificate)


def _generations(ca: str, held: Holdings) -> Iterator[Generation]:
    by_key: dict[str, list[Certificate]] = {}
    for own in held.own:
        by_key.setdefault(own.id, []).append(own.certificate)
    turns = {own.id: own.issues_from for own in held.own}
    for key, certificates in by_key.items():
        newest, *earlier = sorted(
            certificates, key=lambda each: (each.not_before, each.not_after), reverse=True
        )
        yield Generation(ca, newest, chain_of(newest, held.above), turns[key], tuple(earlier))


def _newest(root: Certificate, crls: Iterable[bytes]) -> bytes | None:
    theirs: list[tuple[int, bytes]] = []
    for der in crls:
        try:
            verify_crl(der, root.public_key)
            theirs.append((parse_crl(der).number, der))
        except RequestError:
            continue  # of another root, or nobody's
    return max(theirs, default=(0, None))[1]
