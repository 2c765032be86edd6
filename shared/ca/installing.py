"""A CA from outside, step by step: a key made where it will stay, the request for it, and the answer installed.

Idempotent: a key that waits is asked for again, what is installed already changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from shared.ca.authorities import CAHome
from shared.ca.delivery import Accepted, Delivery, accept
from shared.ca.holdings import Holdings
from shared.ca.issuer import Issuer
from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.ca.request import build_ca_request
from shared.ca.responder_identity import IdentitiesOf, ResponderIdentities, make_identity
from shared.ca.roster import DEFAULT, Generation, Roster
from shared.errors import IssuanceFault
from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate
from shared.x509.names import Name


class CeremonyHome(CAHome, Protocol):
    """Where a CA is kept, for those who may change it."""

    def is_empty(self) -> bool:
        """Whether no CA certificate was ever installed. Raises KeyUnavailable."""

    def keep_holdings(self, holdings: Holdings) -> None:
        """These certificates from now on. Raises KeyUnavailable, IssuanceFault."""

    def waiting_key(self) -> SigningKey | None:
        """A key that was made and has no certificate yet. Raises KeyUnavailable."""

    def make_key(self, algorithm: str) -> SigningKey:
        """One more key, which never leaves. Raises KeyUnavailable, ValueError."""


class RAKeeper(Protocol):
    """Where the RA's identities are kept."""

    def ra_identities(self) -> Sequence[RAIdentity]: ...

    def add_ra_identity(self, issuer: Issuer, *, now: datetime, backdate: timedelta) -> RAIdentity: ...


def held_in(home: CeremonyHome) -> Holdings:
    """What is kept of a CA, nothing before the first certificate. Raises KeyUnavailable."""
    return Holdings() if home.is_empty() else home.holdings()


@dataclass(frozen=True, slots=True)
class Asked:
    """A request (DER) and how it came about: whether a key was `made` for it."""

    der: bytes
    made: bool


def check_name(home: CeremonyHome, subject: Name) -> None:
    """Raises IssuanceFault for a name that a key of ours has: to many clients the two would be one."""
    if any(own.certificate.subject.same_as(subject) for own in held_in(home).own):
        raise IssuanceFault(f"a key of ours is called {subject.text()}: a successor needs a name of its own")


def request_certificate(home: CeremonyHome, subject: Name, algorithm: str) -> Asked:
    """The request for a new key: for the first CA of a name, or a successor. A key that waits is used.

    Raises KeyUnavailable, ValueError; IssuanceFault for a name that a key of ours has.
    """
    check_name(home, subject)
    waiting = home.waiting_key()
    key = waiting if waiting is not None else home.make_key(algorithm)
    return Asked(build_ca_request(key, subject), made=waiting is None)


def request_renewal(home: CeremonyHome, now: datetime) -> Asked:
    """The request for a new certificate of the key that issues, under the same name. Raises KeyUnavailable."""
    current = Roster.of({DEFAULT: home.holdings()}).issuing(DEFAULT, now).certificate
    return Asked(build_ca_request(home.signing_key(current), current.subject), made=False)


def install(
    home: CeremonyHome, certificates: Sequence[Certificate], crls: Sequence[bytes] = (), *, now: datetime
) -> Accepted:
    """What was brought, checked (delivery.py); nothing is kept yet. Raises IssuanceFault, KeyUnavailable."""
    waiting = home.waiting_key()
    delivery = Delivery(certificates, crls, None if waiting is None else waiting.public_key())
    return accept(held_in(home), delivery, now=now)


@dataclass(frozen=True, slots=True)
class Completion:
    """Makes what a CA needs to work: an RA identity, which SCEP clients seal to, and an OCSP responder."""

    ra: RAKeeper
    responders: ResponderIdentities
    backdate: timedelta
    progress: Callable[[str], None] = lambda _: None

    def complete(self, issuer: Issuer, now: datetime) -> None:
        """What is there stays. Raises KeyUnavailable, IssuanceFault."""
        registration = RegistrationAuthority(self.ra.ra_identities)
        if registration.needs_successor(now, issuer.certificate):
            self.progress("SCEP RA (rsa-2048)")
            self.ra.add_ra_identity(issuer, now=now, backdate=self.backdate)
        responders = IdentitiesOf(issuer.certificate, self.responders)
        if not any(identity.alive(now) for identity in responders.load()):
            self.progress("OCSP responder (p-256)")
            responders.add(make_identity(issuer, now=now, backdate=self.backdate), now)


def key_of(home: CeremonyHome, generation: Generation) -> SigningKey:
    """The key of a generation that is kept, or about to be. Raises KeyUnavailable."""
    waiting = home.waiting_key()
    if waiting is not None and waiting.public_key() == generation.certificate.public_key:
        return waiting
    return home.signing_key(generation.certificate)


def issuer_of(home: CeremonyHome, generation: Generation, base_url: str, *, ocsp: bool = True) -> Issuer:
    """The issuer of a generation, with its key. Raises KeyUnavailable, IssuanceFault."""
    key = key_of(home, generation)
    return Issuer(generation.certificate, generation.chain, key, base_url, ocsp)
