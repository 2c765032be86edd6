"""OCSP responder identities as versions of one secret (ResponderIdentities over a SecretStore)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.ca.kept_identities import KeptIdentities
from shared.ca.responder_identity import ResponderIdentity


@dataclass(frozen=True, slots=True)
class KeptResponders:
    """ResponderIdentities. Versions end with their certificate, so none has to be deleted."""

    kept: KeptIdentities

    def load(self) -> list[ResponderIdentity]:
        """Raises KeyUnavailable."""
        return [ResponderIdentity(each.certificate, each.key) for each in self.kept.load()]

    def add(self, identity: ResponderIdentity, now: datetime) -> None:
        """Raises KeyUnavailable."""
        self.kept.add(identity.certificate, identity.key)
