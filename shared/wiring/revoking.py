"""Revocation, wired: the service over the records, and what tells relying parties."""

from __future__ import annotations

from functools import cached_property

from shared.revocation.ca_certificates import CACertificatePublisher
from shared.revocation.publication import CRLPublisher
from shared.revocation.service import RevocationService
from shared.revocation.supersession import Superseder
from shared.wiring.authority import Authority
from shared.wiring.stores import CRL_QUEUE


class Revoking(Authority):
    """Saying no afterwards."""

    @cached_property
    def revocations(self) -> RevocationService:
        return RevocationService(self.records, self.queue(CRL_QUEUE), self.clock)

    @cached_property
    def superseder(self) -> Superseder:
        return Superseder(self.supersessions, self.records, self.revocations, self.clock)

    @cached_property
    def crl_publisher(self) -> CRLPublisher:
        return CRLPublisher(
            issuer=self.issuer,
            changes=self.records,
            publications=self.publications,
            life=self.settings.crl_life,
            clock=self.clock,
        )

    @property
    def ca_publisher(self) -> CACertificatePublisher:
        """Made anew each time: the root's CRL may have been replaced since."""
        return CACertificatePublisher(self.issuer, self.publications, self.ca_home.root_crl())

    def publish(self) -> int:
        """Publish the CA certificates and the next CRL; returns its number."""
        self.ca_publisher.publish()
        return self.crl_publisher.publish()
