"""The issuing CAs of a house as those see them who issue and verify: which of them issues what, and which there are.

`Authorities` carries many; an `Issuer` alone is a house of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.ca.issuer import Issuer
from shared.x509.certificate import Certificate


class CAIdentity(Protocol):
    """A CA as everybody may know it, without its key: an Issuer, a Generation, an OutsideIssuer. `chain` is the CA's
    own, parent first, root last; `id` names it on record."""

    @property
    def id(self) -> str: ...

    @property
    def certificate(self) -> Certificate: ...

    @property
    def chain(self) -> tuple[Certificate, ...]: ...


class KnownCAs(Protocol):
    """Which CA is in charge, and which there are; no key of theirs is needed."""

    def in_charge(self, profile: str, now: datetime) -> CAIdentity:
        """Who issues certificates of a profile at `now`. Raises KeyUnavailable if there is none."""

    def known(self) -> Sequence[CAIdentity]:
        """Every issuing CA, former ones and successors too."""


class Issuers(Protocol):
    """What a house of CAs of ours tells."""

    def issuing(self, profile: str, now: datetime) -> Issuer:
        """Who issues certificates of a profile at `now`. Raises KeyUnavailable, IssuanceFault."""

    def in_charge(self, profile: str, now: datetime) -> CAIdentity:
        """The same CA, when its key is not needed. Raises KeyUnavailable if there is none."""

    def find(self, issuer: str) -> Issuer | None:
        """The issuer of that id, former ones and successors too; None if it is not ours. Raises KeyUnavailable."""

    def is_revoked(self, issuer: str) -> bool:
        """Whether a root has taken back the certificate of that CA of ours, as far as is known here."""

    def known(self) -> Sequence[CAIdentity]:
        """Every issuing CA of ours, former ones and successors too."""
