"""Who issues: what SCEP and direct orders ask of a CA, ours or outside, and what an adapter to an outside CA offers.

An adapter may live in a package of its own (adapters.py); it imports this page and shared/errors.py, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Protocol

from shared.ca.authority import Issued, Order
from shared.ca.issuers import CAIdentity
from shared.errors import IssuerUnavailable
from shared.store.ports import CertificateRecord, Claim
from shared.x509.certificate import Certificate, CertificateTemplate
from shared.x509.names import Name


class IssuingAuthority(Protocol):
    """A CA with the record of what it issued. One order is one certificate."""

    def issue(self, template: CertificateTemplate, order: Order, *, now: datetime) -> Issued:
        """Issue `template`, or return what this very order got before.

        Raises ChallengeRejected (the order was used with another key, or its certificate is revoked or older than
        24 h), DependencyError (IssuancePending: ask again later), Conflict, IssuanceFault; of an outside CA also
        RequestError, where it refuses.
        """

    def find_repeat(self, order: Order, *, subject: Name, key_hash: str, now: datetime) -> Issued | None:
        """What this order got before, or None if it never was served. Raises as `issue`."""

    def find_claim(self, order: Order, subject: Name) -> Claim | None:
        """What was promised to this order, by one point read."""


class Promising(Protocol):
    """A CA that promises, signs and puts on record in steps, for whoever delivers between them: authority.py."""

    def promiser(self, claim: Claim) -> CAIdentity:
        """Who is named in what was promised. Raises ChallengeRejected if it is no more."""

    def promise(self, template: CertificateTemplate, order: Order, *, now: datetime) -> Claim: ...

    def sign(self, claim: Claim) -> Certificate: ...

    def put_on_record(
        self, claim: Claim, certificate: Certificate, order: Order, *, now: datetime
    ) -> CertificateRecord: ...

    def find_claim(self, order: Order, subject: Name) -> Claim | None: ...


@dataclass(frozen=True, slots=True)
class OutsideRequest:
    """What an outside CA is asked for. `der` is the PKCS #10 request as its holder signed it, `template` what the
    profile makes of it: for services that take names or validity beside the request, and nobody else.

    `identity` is the same whenever the same order comes again: a service that takes a transaction number of ours can
    know the repeat by it. `renews`: it replaces a certificate of the same CA, whose holder has signed it.
    """

    der: bytes = field(repr=False)
    template: CertificateTemplate
    identity: str
    renews: bool = False


class OutsideCA(Protocol):
    """An adapter to a CA of others: it knows how to ask, and nothing of records, profiles or SCEP. Thread-safe."""

    def enrol(self, request: OutsideRequest) -> Certificate:
        """The certificate, not checked against anything yet.

        Raises RequestError (the CA refuses this request), IssuancePending (it wants to be asked again with the same
        request, after `retry_after` seconds), IssuerUnavailable (certainly nothing was issued), OutcomeUnknown.
        """

    def ca_certificates(self) -> Sequence[Certificate]:
        """What the service itself says its CA certificates are, for `manage.py ca check`. Raises DependencyError."""


class OutcomeUnknown(IssuerUnavailable):
    """The request was sent, and nobody can say whether a certificate was issued for it."""


@dataclass(frozen=True, slots=True)
class AdapterSettings:
    """What an adapter is made from: the settings SCEPTER_OUTSIDE_CA__<NAME>__... as they are.

    `trust` is a file with the roots of the service's TLS certificate, None for the well-known ones. `seconds` is what
    one call may take. `options` are the adapter's own.
    """

    name: str
    url: str
    trust: Path | None = None
    username: str = ""
    password: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)
    reenrol: bool = False
    seconds: float = 15
    options: Mapping[str, str] = field(default_factory=dict, repr=False)
