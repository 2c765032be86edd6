"""Revocation, wired: the service over the records, and what tells relying parties."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property

from shared.ca.issuer import Issuer
from shared.ca.issuers import CAIdentity
from shared.ca.roster import Generation, Roster
from shared.config import Settings
from shared.errors import KeyUnavailable, UnknownCertificate
from shared.revocation.ca_certificates import CACertificatePublisher
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.overview import Overview, overview
from shared.revocation.publication import CRLPublisher
from shared.revocation.reconciliation import Reconciled, Reconciler
from shared.revocation.service import RevocationService
from shared.revocation.supersession import Superseder
from shared.wiring.each import for_each
from shared.wiring.outside import OutsideCAs
from shared.wiring.stores import CRL_QUEUE

_MOST_PURGED = 20_000
"""Rows in one run of the timer: seconds, where the platform allows minutes."""


class Revoking(OutsideCAs):
    """Saying no afterwards."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], clock: Callable[[], datetime]
    ) -> None:
        super().__init__(settings, environment, clock)
        self._announced: Roster | None = None

    @cached_property
    def revocations(self) -> RevocationService:
        crl_requests = CRLRequests(self.queue(CRL_QUEUE), self.clock)
        return RevocationService(self.records, crl_requests, self.clock, self.outside_names)

    @cached_property
    def superseder(self) -> Superseder:
        return Superseder(self.supersessions, self.records, self.revocations, self.clock)

    @property
    def ca_publisher(self) -> CACertificatePublisher:
        """For all CAs as they are known now."""
        return CACertificatePublisher(self.authorities.roster, self.publications)

    def reconciler(self, issuer: Issuer) -> Reconciler:
        """Compares the records of one issuer with its CRL."""
        return Reconciler(self.crl_publisher(issuer), self.records, self.clock)

    def reconcile(self) -> dict[str, Reconciled]:
        """Compare all records with the CRLs, by issuer. Raises what the first failure was, when all had their turn."""
        return for_each(
            self._publishing(), lambda ca: self.reconciler(self._found(ca)).run(), "reconciliation"
        )

    def crl_overview(self) -> dict[str, Overview]:
        """What CRLs stand published, by issuer; nothing of those that have published none yet."""
        found = for_each(
            self._publishing(), lambda ca: overview(self._found(ca), self.publications), "overview"
        )
        return {issuer: each for issuer, each in found.items() if each is not None}

    def purge_changes(self) -> int:
        """Delete change rows that are far behind the CRLs' cursors, some of them; returns how many."""
        return sum(for_each(self._publishing(), self._purge_changes, "purge").values())

    def publish(self) -> dict[str, int]:
        """Publish the CA certificates and the next CRL of every CA, as they are kept now; the CRLs' numbers."""
        self._publish_certificates(self.authorities.refresh())
        return for_each(self._publishing(), lambda ca: self._publisher(ca).publish(), "CRL")

    def publish_when_due(self) -> None:
        """Publish the CRLs that have passed half their life, and the CA certificates where there is news of them."""
        roster = self.authorities.refresh()
        due = for_each(self._publishing(), lambda ca: self._publisher(ca).is_due(), "CRL")
        if any(due.values()) or roster is not self._announced:
            self._publish_certificates(roster)
        late = [ca for ca in self._publishing() if due.get(ca.id)]
        for_each(late, lambda ca: self._publisher(ca).publish(), "CRL")

    def publish_change(self, issuer: str, changed_at: datetime) -> None:
        """Publish for a change of one issuer's certificate. Raises UnknownCertificate for an issuer not of ours."""
        found = self.authorities.find(issuer)
        if found is None:
            raise UnknownCertificate(f"a CRL of issuer {issuer} was asked for, which is not ours")
        self.crl_publisher(found).publish_change(changed_at)

    def _publish_certificates(self, roster: Roster) -> None:
        CACertificatePublisher(roster, self.publications).publish()
        self._announced = roster

    def _publishing(self) -> list[Generation]:
        """Every CA that can still sign a CRL."""
        return [each for each in self.authorities.known() if each.certificate.not_after > self.clock()]

    def _purge_changes(self, ca: CAIdentity) -> int:
        before = self._publisher(ca).changes_needed_since()
        return 0 if before is None else self.records.purge_changes(ca.id, before, _MOST_PURGED)

    def _publisher(self, ca: CAIdentity) -> CRLPublisher:
        return self.crl_publisher(self._found(ca))

    def _found(self, ca: CAIdentity) -> Issuer:
        found = self.authorities.find(ca.id)
        if found is None:
            raise KeyUnavailable(f"CA {ca.id} is no more")
        return found
