"""Revocation, wired: the service over the records, and what tells relying parties."""

from __future__ import annotations

from functools import cached_property

from shared.revocation.ca_certificates import CACertificatePublisher
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.overview import Overview, overview
from shared.revocation.reconciliation import Reconciler
from shared.revocation.service import RevocationService
from shared.revocation.supersession import Superseder
from shared.wiring.outside import OutsideCAs
from shared.wiring.stores import CRL_QUEUE

_MOST_PURGED = 20_000
"""Rows in one run of the timer: seconds, where the platform allows minutes."""


class Revoking(OutsideCAs):
    """Saying no afterwards."""

    @cached_property
    def revocations(self) -> RevocationService:
        crl_requests = CRLRequests(self.queue(CRL_QUEUE), self.clock)
        return RevocationService(self.records, crl_requests, self.clock, self.outside_names)

    @cached_property
    def superseder(self) -> Superseder:
        return Superseder(self.supersessions, self.records, self.revocations, self.clock)

    @property
    def ca_publisher(self) -> CACertificatePublisher:
        """Made anew each time: the root's CRL may have been replaced since."""
        return CACertificatePublisher(self.issuer, self.publications, self.ca_home.root_crl())

    @cached_property
    def reconciler(self) -> Reconciler:
        return Reconciler(self.crl_publisher, self.records, self.clock)

    def crl_overview(self) -> Overview | None:
        """What CRLs stand published; None before the first."""
        return overview(self.issuer, self.publications)

    def purge_changes(self) -> int:
        """Delete change rows that are far behind the CRL's cursor, some of them; returns how many."""
        before = self.crl_publisher.changes_needed_since()
        return 0 if before is None else self.records.purge_changes(self.issuer.id, before, _MOST_PURGED)

    def publish(self) -> int:
        """Publish the CA certificates and the next CRL; returns its number."""
        self.ca_publisher.publish()
        return self.crl_publisher.publish()
