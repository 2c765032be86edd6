"""The CAs, wired: where each is kept, who issues for which profile, the RA, and what CRLs they publish."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Protocol

from shared.ca.authorities import Authorities, CAHome
from shared.ca.authority import CertificateAuthority
from shared.ca.folder import CAFolder
from shared.ca.issuer import Issuer
from shared.ca.registration import RAIdentity, RegistrationAuthority
from shared.ca.roster import DEFAULT, Generation
from shared.config import Settings
from shared.config.authority import AnotherCA
from shared.errors import KeyUnavailable, PKIError, SettingsError
from shared.keys.ports import SigningKey
from shared.policy.profiles import Profiles
from shared.revocation.publication import CRLPublisher
from shared.revocation.scopes import CRLPlan
from shared.wiring.vault import VaultParts

log = logging.getLogger("scepter")


class RAHome(Protocol):
    """Where the RA's identities are kept, of all CAs together: a folder, a vault."""

    def ra_identities(self) -> list[RAIdentity]: ...

    def add_ra_identity(self, issuer: Issuer, *, now: datetime, backdate: timedelta) -> RAIdentity: ...


class Authority(VaultParts):
    """Who issues, under which policy."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], clock: Callable[[], datetime]
    ) -> None:
        super().__init__(settings, environment, clock)
        self._publishers: dict[bytes, CRLPublisher] = {}

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles.load(self.settings.profiles_file)

    @cached_property
    def ca_folder(self) -> CAFolder:
        return self._folder(self.settings.ca_folder)

    @cached_property
    def ca_homes(self) -> Mapping[str, CAHome]:
        """By the name that profiles know each CA by."""
        more = {ca_name(key): values for key, values in self.settings.authorities.items()}
        if DEFAULT in more:
            raise SettingsError(f"SCEPTER_AUTHORITIES: {DEFAULT} is the CA of the other settings")
        own: CAHome = self.vault_ca if self.settings.vault_url else self.ca_folder
        return {DEFAULT: own} | {name: self._home(name, values) for name, values in more.items()}

    @cached_property
    def ra_home(self) -> RAHome:
        return self.vault_ca if self.settings.vault_url else self.ca_folder

    @cached_property
    def authorities(self) -> Authorities:
        outside = {ca_name(key) for key in self.settings.outside_ca}
        if twice := outside & set(self.ca_homes):
            raise SettingsError(f"SCEPTER_OUTSIDE_CA: {', '.join(sorted(twice))} is the name of a CA of ours")
        for profile in self.profiles.profiles.values():
            if profile.ca not in {*self.ca_homes, *outside}:
                name = profile.ca.replace("-", "_").upper()
                settings = f"SCEPTER_OUTSIDE_CA__{name}__URL or SCEPTER_AUTHORITIES__{name}__KEY"
                raise SettingsError(f"{settings}: is missing; profile {profile.name} needs it")
        return Authorities(
            self.ca_homes, self._compose_issuer, ca_of=self.ca_of, prepare=self._ready_to_issue
        )

    @property
    def issuer(self) -> Issuer:
        """Who issues for profiles that name no CA."""
        return self.authorities.issuer_of(DEFAULT, self.clock())

    @cached_property
    def ra(self) -> RegistrationAuthority:
        return RegistrationAuthority(self.ra_home.ra_identities)

    @cached_property
    def authority(self) -> CertificateAuthority:
        return CertificateAuthority(self.authorities, self.records)

    def crl_publisher(self, issuer: Issuer) -> CRLPublisher:
        """The one publisher of an issuer in this worker."""
        certificate = issuer.certificate.der
        if certificate not in self._publishers:
            settings = self.settings
            plan = CRLPlan(settings.crl_life, settings.crl_delta_life, settings.crl_shards)
            publisher = CRLPublisher(issuer, self.records, self.publications, plan, self.clock)
            self._publishers.setdefault(certificate, publisher)
        return self._publishers[certificate]

    def renew_ra(self) -> None:
        """Make the next RA identity of each CA whose newest has passed half its life, also for CAs that will issue."""
        now = self.clock()
        for generation in self._in_service(now):
            certificate = generation.certificate
            if self.ra.needs_successor(now, certificate):
                self.ra.refresh()  # another worker may have made it
            if self.ra.needs_successor(now, certificate):
                issuer = self.authorities.find(generation.id)
                if issuer is not None:
                    self.ra_home.add_ra_identity(issuer, now=now, backdate=self.settings.backdate)
                    self.ra.refresh()

    def _in_service(self, now: datetime) -> list[Generation]:
        """Who issues, and who is to issue next."""
        roster = self.authorities.roster
        found = []
        for name in self.authorities.names:
            try:
                found.append(roster.issuing(name, now))
            except KeyUnavailable as error:
                log.error("CA %s: %s", name, error.reason)  # noqa: TRY400 - the others still matter
            found += [each for each in (roster.successor(name, now),) if each is not None]
        return found

    def ca_of(self, profile: str) -> str:
        """The name of the CA that issues for a profile."""
        found = self.profiles.get(profile)
        return found.ca if found is not None else DEFAULT

    def _home(self, name: str, values: AnotherCA) -> CAHome:
        if self.settings.vault_url:
            return self.vault_ca_at(values.key or f"{name}-ca", values.chain or f"{name}-ca-chain")
        if values.key or values.chain:
            raise SettingsError(f"SCEPTER_AUTHORITIES: {name} has a key in a vault; set SCEPTER_VAULT_URL")
        return self._folder(Path(values.folder) if values.folder else self.settings.ca_folder / name)

    def _folder(self, path: Path) -> CAFolder:
        if self.in_azure:
            raise KeyUnavailable(
                "software keys are refused in Azure; set SCEPTER_VAULT_URL for a CA in a vault"
            )
        return CAFolder(path, self.settings.ca_key_password.get_secret_value())

    def _compose_issuer(self, generation: Generation, key: SigningKey) -> Issuer:
        settings = self.settings
        certificate, chain = generation.certificate, generation.chain
        return Issuer(certificate, chain, key, settings.public_url, settings.ocsp_in_certificates)

    def _ready_to_issue(self, issuer: Issuer) -> Issuer:
        """Its certificates name their shard, once there is one: a CDP never leads nowhere."""
        self._warn_of_short_life(issuer)
        count = self.settings.crl_shards
        if not count:
            return issuer
        publisher = self.crl_publisher(issuer)
        try:
            if not publisher.covers_shards():
                publisher.publish()
        except PKIError as error:
            log.critical("no shards: certificates of this worker name the full CRL: %s", error.reason)
            return issuer
        return issuer.sharded(count)

    def _warn_of_short_life(self, issuer: Issuer) -> None:
        longest = max((profile.life for profile in self.profiles.profiles.values()), default=timedelta(0))
        remaining = issuer.certificate.not_after - self.clock()
        if remaining < longest:
            log.critical(
                "the issuing CA lives for %d days more, the longest profile promises %d: prepare its successor",
                remaining.days,
                longest.days,
            )


def ca_name(key: str) -> str:
    """A CA as profiles write it: names of settings have no hyphen."""
    return key.replace("_", "-").lower()
