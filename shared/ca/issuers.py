"""The issuing CAs of a house as those see them who issue and verify: which of them issues what, and which there are.

`Authorities` carries many; an `Issuer` alone is a house of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from shared.ca.issuer import Issuer
from shared.x509.certificate import Certificate


class OwnCA(Protocol):
    """A CA of ours as everybody may know it, without its key: an Issuer, a Generation."""

    @property
    def id(self) -> str: ...

    @property
    def certificate(self) -> Certificate: ...

    @property
    def chain(self) -> tuple[Certificate, ...]: ...


class Issuers(Protocol):
    """What a house of CAs tells."""

    def issuing(self, profile: str, now: datetime) -> Issuer:
        """Who issues certificates of a profile at `now`. Raises KeyUnavailable, IssuanceFault."""

    def in_charge(self, profile: str, now: datetime) -> OwnCA:
        """The same CA, when its key is not needed. Raises KeyUnavailable if there is none."""

    def find(self, issuer: str) -> Issuer | None:
        """The issuer of that id, former ones and successors too; None if it is not ours. Raises KeyUnavailable."""

    def is_revoked(self, issuer: str) -> bool:
        """Whether a root has taken back the certificate of that CA of ours, as far as is known here."""

    def known(self) -> Sequence[OwnCA]:
        """Every issuing CA of ours, former ones and successors too."""
