"""The composition root: settings to keys, stores and services; once per worker, each part when it is first needed.

The only place that reads the environment. mypy proves here that every adapter fits its port.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from pydantic import SecretStr

from shared import config
from shared.ca.authority import CertificateAuthority
from shared.ca.direct import DirectIssuance
from shared.ca.folder import CAFolder
from shared.ca.issuer import Issuer
from shared.ca.registration import RegistrationAuthority
from shared.config import Settings, SettingsError
from shared.errors import KeyUnavailable
from shared.policy.profiles import Profiles
from shared.record.recorder import Recorder
from shared.revocation.ca_certificates import CACertificatePublisher
from shared.revocation.publication import CRLPublisher
from shared.revocation.published import PublishedCRLs
from shared.revocation.service import RevocationService
from shared.revocation.supersession import Superseder
from shared.scep.admission import Admission
from shared.scep.approval import Approvals
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.challenges.static import StaticChallenges
from shared.scep.decisions import Decisions
from shared.scep.enrolment import Enrolment
from shared.scep.ports import ChallengeValidator
from shared.scep.renewal import Renewals
from shared.scep.retrieval import Retrieval
from shared.scep.service import SCEPService
from shared.scep.succession import Succession
from shared.stores import CRL_QUEUE, Stores
from shared.x509.certificate import Certificate

if TYPE_CHECKING:
    from shared.scep.mint import ChallengeMint
    from shared.scep.sources import SourceRate

log = logging.getLogger("scepter")

_OTHER_CALLS = 8
"""Threads for SCEP calls that take no place, such as GetCACert."""
_MOST_PURGED = 20_000
"""Rows in one run of the timer: seconds, where the platform allows minutes."""

T = TypeVar("T")


def utc_now() -> datetime:
    """The time now: aware, UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


class Application(Stores):
    """Everything a trigger may call. Parts are built on first use; building one twice in a race is harmless."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        super().__init__(settings, environment)
        self.clock = clock
        self.admission = Admission(settings.max_enrolments)
        # The embedded host gives up what its threads still do at its end; it knows them by the name.
        self.scep_threads = ThreadPoolExecutor(settings.max_enrolments + _OTHER_CALLS, "function-scep")
        self.recorder = Recorder(lambda: self.traces) if settings.trace_days else None

    @cached_property
    def profiles(self) -> Profiles:
        return Profiles.load(self.settings.profiles_file)

    @cached_property
    def source_rate(self) -> SourceRate | None:
        """The limit on each source; None if there is none. Ask for it on one thread only."""
        if not self.settings.source_rate:
            return None
        from shared.scep.sources import SourceRate  # `limits`, as for the mint

        return SourceRate(self.settings.source_rate)

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
    def direct(self) -> DirectIssuance:
        return DirectIssuance(self.authority, self.profiles, self.settings.backdate)

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
    def renewals(self) -> Renewals:
        return Renewals(self.issuer, self.records)

    @cached_property
    def approvals(self) -> Approvals:
        return Approvals(self.pending_requests, self.authority, self.renewals, self.settings.backdate)

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(self.pending_requests, self.authority)

    @cached_property
    def enrolment(self) -> Enrolment:
        return Enrolment(
            authority=self.authority,
            validators=self.validators,
            renewals=self.renewals,
            approvals=self.approvals,
            supersessions=self.supersessions,
            backdate=self.settings.backdate,
        )

    @cached_property
    def scep(self) -> SCEPService:
        crls = PublishedCRLs(lambda: self.publications)
        return SCEPService(
            issuer=self.issuer,
            ra=self.ra,
            enrolment=self.enrolment,
            approvals=self.approvals,
            retrieval=Retrieval(self.issuer, self.records, self.renewals, crls),
        )

    @cached_property
    def succession(self) -> Succession:
        return Succession(self.issuer, self.successor)

    def successor(self) -> Certificate | None:
        """The CA that will issue next, None as long as none is prepared; in Azure there is no way to prepare one."""
        return None if self.in_azure else self.ca_folder.successor()

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

    def purge_traces(self) -> int:
        """Delete traces that are past their time, some of them; returns how many."""
        before = self.clock().date() - timedelta(days=self.settings.trace_days)
        return self.traces.purge(before, _MOST_PURGED)

    def close(self) -> None:
        """The worker ends: begin nothing new, and write down what waits for that."""
        self.scep_threads.shutdown(wait=False, cancel_futures=True)
        if self.recorder is not None:
            self.recorder.close()

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


def close() -> None:
    """What a host that can tell calls before the worker ends; elsewhere the exit of the process does it."""
    with _lock:
        instance = _application
    if instance is not None:
        instance.close()


def use(instance: Application | None) -> None:
    """Put `instance` in place of the worker's own (tests); None forgets it."""
    global _application
    with _lock:
        _application = instance


def _revealed(secrets: Mapping[str, SecretStr]) -> dict[str, str]:
    return {name.replace("_", "-").lower(): secret.get_secret_value() for name, secret in secrets.items()}


def _checked(setting: str, build: Callable[[], T]) -> T:
    try:
        return build()
    except ValueError as error:
        raise SettingsError(f"{setting}: {error}") from None
