"""The CA, wired: its issuer, its RA, and what both publish of themselves."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Protocol

from shared.ca.authority import CertificateAuthority
from shared.ca.folder import CAFolder
from shared.ca.issuer import Issuer
from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.errors import KeyUnavailable, PKIError
from shared.policy.profiles import Profiles
from shared.revocation.publication import CRLPublisher
from shared.revocation.scopes import CRLPlan
from shared.wiring.vault import VaultParts
from shared.x509.certificate import Certificate

log = logging.getLogger("scepter")


class CAHome(Protocol):
    """Where a CA and its RA are kept: a folder, or a vault."""

    def issuer(self, base_url: str, *, ocsp: bool = True) -> Issuer: ...

    def successor(self) -> Certificate | None: ...

    def root_crl(self) -> bytes | None: ...

    def ca_certificates(self) -> Iterable[Certificate]: ...

    def ra_identities(self) -> list[RAIdentity]: ...

    def add_ra_identity(self, issuer: Issuer, *, now: datetime, backdate: timedelta) -> RAIdentity: ...


class Authority(VaultParts):
    """Who issues, under which policy."""

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles.load(self.settings.profiles_file)

    @cached_property
    def ca_folder(self) -> CAFolder:
        if self.in_azure:
            raise KeyUnavailable(
                "software keys are refused in Azure; set SCEPTER_VAULT_URL for a CA in a vault"
            )
        return CAFolder(self.settings.ca_folder, self.settings.ca_key_password.get_secret_value())

    @cached_property
    def ca_home(self) -> CAHome:
        return self.vault_ca if self.settings.vault_url else self.ca_folder

    @cached_property
    def issuer(self) -> Issuer:
        settings = self.settings
        issuer = self.ca_home.issuer(settings.public_url, ocsp=settings.ocsp_in_certificates)
        self._warn_of_short_life(issuer)
        return issuer

    @cached_property
    def ra(self) -> RegistrationAuthority:
        return RegistrationAuthority(self.ca_home.ra_identities)

    @cached_property
    def authority(self) -> CertificateAuthority:
        return CertificateAuthority(self._issuing(), self.records)

    def successor(self) -> Certificate | None:
        """The CA that will issue next, None as long as none is prepared."""
        return None if self.in_azure and not self.settings.vault_url else self.ca_home.successor()

    @cached_property
    def crl_publisher(self) -> CRLPublisher:
        settings = self.settings
        plan = CRLPlan(settings.crl_life, settings.crl_delta_life, settings.crl_shards)
        return CRLPublisher(self.issuer, self.records, self.publications, plan, self.clock)

    def _issuing(self) -> Issuer:
        """The issuer whose certificates name their shard, once there is one: a CDP never leads nowhere."""
        count = self.settings.crl_shards
        if not count:
            return self.issuer
        try:
            if not self.crl_publisher.covers_shards():
                self.crl_publisher.publish()
        except PKIError as error:
            log.critical("no shards: certificates of this worker name the full CRL: %s", error.reason)
            return self.issuer
        return self.issuer.sharded(count)

    def renew_ra(self) -> None:
        """Make the next RA identity if the newest has passed half its life."""
        now = self.clock()
        if self.ra.needs_successor(now):
            self.ra.refresh()  # another worker may have made it
        if self.ra.needs_successor(now):
            self.ca_home.add_ra_identity(self.issuer, now=now, backdate=self.settings.backdate)
            self.ra.refresh()

    def _warn_of_short_life(self, issuer: Issuer) -> None:
        longest = max((profile.life for profile in self.profiles.profiles.values()), default=timedelta(0))
        remaining = issuer.certificate.not_after - self.clock()
        if remaining < longest:
            log.critical(
                "the issuing CA lives for %d days more, the longest profile promises %d: prepare its successor",
                remaining.days,
                longest.days,
            )
