"""The composition root: settings to keys, stores and services; once per worker, each part when it is first needed.

The only place that reads the environment. mypy proves here that every adapter fits its port.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from shared import config
from shared.ca.authority import CertificateAuthority
from shared.ca.folder import CAFolder
from shared.ca.issuer import Issuer
from shared.ca.registration import RegistrationAuthority
from shared.config import Settings, SettingsError
from shared.errors import KeyUnavailable
from shared.policy.profiles import Profiles
from shared.revocation.ca_certificates import CACertificatePublisher
from shared.revocation.publication import CRLPublisher
from shared.revocation.service import Records, RevocationService
from shared.revocation.supersession import Superseder
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.challenges.static import StaticChallenges
from shared.scep.ports import ChallengeValidator
from shared.scep.renewal import Renewals
from shared.scep.service import SCEPService
from shared.store.connection import StorageConnection
from shared.store.ports import PublicationStore, Queue, SupersessionStore, UseCounter
from shared.store.tables import TableStore
from shared.store.uses import TableUseCounter

if TYPE_CHECKING:
    from shared.scep.mint import ChallengeMint

log = logging.getLogger("scepter")

CRL_QUEUE = "crl-requests"

T = TypeVar("T")


def utc_now() -> datetime:
    """The time now: aware, UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


class Application:
    """Everything a trigger may call. Parts are built on first use; building one twice in a race is harmless."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.settings = settings
        self.environment = environment
        self.in_azure = config.in_azure(environment)
        self.clock = clock

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles.load(self.settings.profiles_file)

    @cached_property
    def storage(self) -> StorageConnection:
        connection = _storage_connection(self.environment, self.settings.table_prefix)
        if not self.in_azure:  # there the infrastructure makes them
            queues = (CRL_QUEUE, f"{CRL_QUEUE}-poison")
            connection.create_missing(queues=queues, public_containers=True)
        return connection

    @cached_property
    def records(self) -> Records:
        return self._tables

    @cached_property
    def supersessions(self) -> SupersessionStore:
        return self._tables

    @cached_property
    def _tables(self) -> TableStore:
        table = self.storage.table
        return TableStore(
            owners=table("owners"),
            certificates=table("certificates"),
            changes=table("changes"),
            supersessions=table("supersessions"),
        )

    @cached_property
    def uses(self) -> UseCounter:
        return TableUseCounter(self.storage.table("uses"))

    @cached_property
    def publications(self) -> PublicationStore:
        from shared.store.blobs import BlobPublicationStore  # 0.15 s of a cold start that SCEP does not need

        return BlobPublicationStore(self.storage.container())

    def queue(self, name: str) -> Queue:
        """The storage queue `name`."""
        from shared.store.queues import StorageQueue

        return StorageQueue(self.storage.queue(name))

    @cached_property
    def ca_folder(self) -> CAFolder:
        if self.in_azure:
            raise KeyUnavailable("software keys are refused in Azure; configure a vault key for the CA")
        return CAFolder(self.settings.ca_folder, self.settings.ca_key_password.get_secret_value())

    @cached_property
    def issuer(self) -> Issuer:
        issuer = self.ca_folder.issuer(self.settings.public_url)
        self._warn_of_short_life(issuer)
        return issuer

    @cached_property
    def ra(self) -> RegistrationAuthority:
        return RegistrationAuthority(self.ca_folder.ra_identities)

    @cached_property
    def authority(self) -> CertificateAuthority:
        return CertificateAuthority(self.issuer, self.records)

    @cached_property
    def sealed(self) -> SealedChallenges:
        return _checked(
            "SCEPTER_CHALLENGE_KEYS",
            lambda: SealedChallenges([key.get_secret_value() for key in self.settings.challenge_keys]),
        )

    @cached_property
    def mint(self) -> ChallengeMint:
        from shared.scep.mint import ChallengeMint  # its rate limiter costs 50 ms of a cold start

        secrets = _revealed(self.settings.caller_secrets)
        return _checked("SCEPTER_CALLER_SECRETS", lambda: ChallengeMint(self.profiles, secrets, self.sealed))

    @cached_property
    def validators(self) -> Mapping[str, ChallengeValidator]:
        entries, secrets = self.profiles.static_challenges, _revealed(self.settings.static_challenges)
        static = _checked("SCEPTER_STATIC_CHALLENGES", lambda: StaticChallenges(entries, secrets, self.uses))
        return {"sealed": self.sealed, "static": static}

    @cached_property
    def scep(self) -> SCEPService:
        return SCEPService(
            authority=self.authority,
            ra=self.ra,
            validators=self.validators,
            renewals=Renewals(self.issuer, self.records),
            supersessions=self.supersessions,
            backdate=self.settings.backdate,
        )

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

    @cached_property
    def ca_publisher(self) -> CACertificatePublisher:
        return CACertificatePublisher(self.issuer, self.publications, self.ca_folder.root_crl())

    def publish(self) -> int:
        """Publish the CA certificates and the next CRL; returns its number."""
        self.ca_publisher.publish()
        return self.crl_publisher.publish()

    def renew_ra(self) -> None:
        """Make the next RA identity if the newest has passed half its life."""
        now = self.clock()
        if self.ra.needs_successor(now):
            self.ca_folder.add_ra_identity(self.issuer, now=now, backdate=self.settings.backdate)
            self.ra.reload(now)

    def _warn_of_short_life(self, issuer: Issuer) -> None:
        longest = max((profile.life for profile in self.profiles.profiles.values()), default=timedelta(0))
        remaining = issuer.certificate.not_after - self.clock()
        if remaining < longest:
            log.critical(
                "the issuing CA lives for %d days more, the longest profile promises %d: prepare its successor",
                remaining.days,
                longest.days,
            )


_lock = threading.Lock()
_application: Application | None = None


def application() -> Application:
    """The application of this worker. Raises SettingsError naming every wrong setting."""
    global _application
    with _lock:
        if _application is None:
            _application = Application(config.load(os.environ), os.environ)
        return _application


def use(instance: Application | None) -> None:
    """Put `instance` in place of the worker's own (tests); None forgets it."""
    global _application
    with _lock:
        _application = instance


def _storage_connection(environment: Mapping[str, str], table_prefix: str) -> StorageConnection:
    """By the names that the platform's own bindings use: a connection string, or service URIs and an identity."""
    name = "AzureWebJobsStorage"
    if environment.get(name):
        return StorageConnection.from_connection_string(environment[name], table_prefix=table_prefix)
    uris = {kind: environment.get(f"{name}__{kind}ServiceUri", "") for kind in ("blob", "queue", "table")}
    if not all(uris.values()):
        raise SettingsError(
            f"{name}: set it, or {name}__blobServiceUri, __queueServiceUri and __tableServiceUri"
        )
    client_id = environment.get(f"{name}__clientId")
    return StorageConnection.from_uris(uris, client_id=client_id, table_prefix=table_prefix)


def _revealed(secrets: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name.replace("_", "-").lower(): secret.get_secret_value() for name, secret in secrets.items()}


def _checked(setting: str, build: Callable[[], T]) -> T:
    try:
        return build()
    except ValueError as error:
        raise SettingsError(f"{setting}: {error}") from None
