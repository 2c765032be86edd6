"""Accepting certificates that others have issued for us: an issuing CA's, renewed ones, what is above, CRLs of roots.

Whatever would show only when a relying party refuses our certificates is a fault here; what is allowed and rarely
meant is a doubt, for people to read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.ca.ca_rules import check_chain, check_own, doubts_of, require
from shared.ca.holdings import Holdings
from shared.ca.roster import DEFAULT, Generation, Roster, chain_of
from shared.errors import IssuanceFault, RequestError
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl, verify_crl
from shared.x509.public_key import PublicKey


@dataclass(frozen=True, slots=True)
class Delivery:
    """What was brought: certificates in any order, CRLs (DER). `waiting` is our key that has no certificate yet."""

    certificates: Sequence[Certificate]
    crls: Sequence[bytes] = ()
    waiting: PublicKey | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What to keep from now on. `generation` is the one whose certificate was brought, None if none was; `doubts` are
    sentences."""

    holdings: Holdings
    generation: Generation | None = None
    doubts: tuple[str, ...] = field(default=())


def accept(held: Holdings, delivery: Delivery, *, now: datetime) -> Accepted:
    """Everything that was brought, checked. Raises IssuanceFault, whose reason says what to ask for instead.

    The first CA of a name issues at once; a new key beside it waits for its take-over; a renewed certificate takes
    the place of the one before.
    """
    own, others = _sorted(held, delivery)
    pool = Holdings(above=held.above).with_above(others).above
    doubts: list[str] = []
    if own is not None:
        chain = chain_of(own, pool)
        check_own(own, held)
        check_chain(own, chain, now)
        doubts += doubts_of(own, chain)
        held = held.with_own(own, _turn(own, held)).with_above(chain)
    held, left = _with_crosses(held, others, now)
    doubts += [f"{each.subject.text()} belongs to no chain of ours and is left out" for each in left]
    held = _with_crls(held, delivery.crls, now)
    generation = Roster.of({DEFAULT: held}).find(Holdings().with_own(own, None).own[0].id) if own else None
    return Accepted(held, generation, tuple(doubts))


def _sorted(held: Holdings, delivery: Delivery) -> tuple[Certificate | None, list[Certificate]]:
    """The certificate for a key of ours, and the others."""
    ours = [each for each in delivery.certificates if _is_own(each, held, delivery.waiting)]
    others = [each for each in delivery.certificates if each not in ours]
    if len(ours) > 1:
        raise IssuanceFault("several certificates for keys of ours: install them one after the other")
    if not ours and not delivery.crls and not any(each.is_ca for each in others):
        raise IssuanceFault("none of the certificates is for a key of ours: was another request answered?")
    if not ours and delivery.waiting is not None and not held.own:
        raise IssuanceFault("no certificate for the key that waits: was another request answered?")
    return (ours[0] if ours else None), others


def _is_own(certificate: Certificate, held: Holdings, waiting: PublicKey | None) -> bool:
    """Whether a key of ours is to issue under it. What another issuer gives to such a key is a cross-certificate."""
    try:
        if waiting is not None and certificate.public_key == waiting:
            return True
    except RequestError:
        return False  # a key of a kind that we do not have
    return any(
        each.certificate.spki == certificate.spki and each.certificate.issuer.same_as(certificate.issuer)
        for each in held.own
    )


def _turn(own: Certificate, held: Holdings) -> datetime | None:
    same = [each for each in held.own if each.certificate.spki == own.spki]
    if same:
        return same[0].issues_from
    return None if held.own else own.not_before


def _with_crosses(
    held: Holdings, others: Sequence[Certificate], now: datetime
) -> tuple[Holdings, list[Certificate]]:
    """With those that another root has given to the key of a root of ours, or to a key of ours; and the rest."""
    keys = {each.spki for each in (*held.above, *(own.certificate for own in held.own))}
    known = {each.der for each in held.above}
    crosses = [each for each in others if each.is_ca and each.spki in keys and each.der not in known]
    for each in crosses:
        require(each.not_before <= now < each.not_after, f"{each.subject.text()} is not valid now")
    left = [each for each in others if each.der not in known and each not in crosses]
    return held.with_above(crosses), left


def _with_crls(held: Holdings, crls: Sequence[bytes], now: datetime) -> Holdings:
    for der in crls:
        try:
            signers = [each for each in Roster.of({DEFAULT: held}).roots if _signed(each, der)]
            require(bool(signers), "a CRL is of no root of ours")
            crl = parse_crl(der)
            require(crl.next_update > now, f"the CRL has ended on {crl.next_update:%Y-%m-%d}")
            standing = Roster.of({DEFAULT: held}).root_crls.values()
            newer = any(parse_crl(each).number > crl.number for each in standing if _signed(signers[0], each))
            require(not newer, f"the CRL {crl.number} is older than the one that is here")
            held = held.with_crl(der)
        except RequestError as error:
            raise IssuanceFault(f"a CRL cannot be read: {error.reason}") from error
    return held


def _signed(root: Certificate, crl: bytes) -> bool:
    try:
        verify_crl(crl, root.public_key)
    except RequestError:
        return False
    return True
