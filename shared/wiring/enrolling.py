"""Enrolment, wired: challenges and who mints them, SCEP over the CA, and the limits on how many come at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from shared.config import Settings
from shared.revocation.published import PublishedCRLs
from shared.scep.admission import Admission
from shared.scep.approval import Approvals
from shared.scep.capabilities import ca_certificates
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.challenges.static import StaticChallenges
from shared.scep.decisions import Decisions
from shared.scep.enrolment import Enrolment
from shared.scep.ports import ChallengeValidator, EnrollmentReporter
from shared.scep.renewal import Renewals
from shared.scep.retrieval import Retrieval
from shared.scep.service import SCEPService
from shared.scep.succession import Succession
from shared.wiring.intune import Intune
from shared.wiring.named import checked, revealed

if TYPE_CHECKING:
    from shared.scep.known_callers import KnownCallers
    from shared.scep.mint import ChallengeMint
    from shared.scep.sources import SourceRate

_OTHER_CALLS = 8
"""Threads for SCEP calls that take no place, such as GetCACert."""


class Enrolling(Intune):
    """How a device comes to a certificate."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], clock: Callable[[], datetime]
    ) -> None:
        super().__init__(settings, environment, clock)
        self.admission = Admission(settings.max_enrolments)
        # The embedded host gives up what its threads still do at its end; it knows them by the name.
        self.scep_threads = ThreadPoolExecutor(settings.max_enrolments + _OTHER_CALLS, "function-scep")

    @cached_property
    def source_rate(self) -> SourceRate | None:
        """The limit on each source; None if there is none. Ask for it on one thread only."""
        if not self.settings.source_rate:
            return None
        from shared.scep.sources import SourceRate  # `limits`, as for the mint

        return SourceRate(self.settings.source_rate)

    @cached_property
    def sealed(self) -> SealedChallenges:
        return checked(
            "SCEPTER_CHALLENGE_KEYS",
            lambda: SealedChallenges([key.get_secret_value() for key in self.settings.challenge_keys]),
        )

    @cached_property
    def mint(self) -> ChallengeMint:
        from shared.scep.mint import ChallengeMint  # its rate limiter costs 50 ms of a cold start

        secrets = revealed(self.settings.caller_secrets)
        return checked("SCEPTER_CALLER_SECRETS", lambda: ChallengeMint(self.profiles, secrets, self.sealed))

    @property
    def callers(self) -> KnownCallers:
        return self.mint.callers

    @cached_property
    def validators(self) -> Mapping[str, ChallengeValidator]:
        entries, secrets = self.profiles.static_challenges, revealed(self.settings.static_challenges)
        static = checked("SCEPTER_STATIC_CHALLENGES", lambda: StaticChallenges(entries, secrets, self.uses))
        intune = {"intune": self.intune_challenges} if self.asks_intune else {}
        return {"sealed": self.sealed, "static": static, **intune}

    @cached_property
    def reporters(self) -> Mapping[str, EnrollmentReporter]:
        return {"intune": self.intune_reporter} if self.asks_intune else {}

    @cached_property
    def renewals(self) -> Renewals:
        return Renewals(self.house, self.records)

    @cached_property
    def approvals(self) -> Approvals:
        return Approvals(
            requests=self.pending_requests,
            authority=self.any_authority,
            renewals=self.renewals,
            backdate=self.settings.backdate,
            seal=self.request_seal if self.settings.outside_ca else None,
            outside=frozenset(self.outside_issuers),
        )

    @cached_property
    def decisions(self) -> Decisions:
        return Decisions(self.pending_requests, lambda profile: self.authority_of(self.ca_of(profile)))

    @cached_property
    def enrolment(self) -> Enrolment:
        return Enrolment(
            authority=self.any_authority,
            validators=self.validators,
            renewals=self.renewals,
            approvals=self.approvals,
            supersessions=self.supersessions,
            backdate=self.settings.backdate,
            reporters=self.reporters,
        )

    @cached_property
    def scep(self) -> SCEPService:
        crls = PublishedCRLs(lambda: self.publications)
        return SCEPService(
            issuers=self.house,
            ra=self.ra,
            enrolment=self.enrolment,
            approvals=self.approvals,
            retrieval=Retrieval(self.house, self.records, self.renewals, crls),
        )

    @cached_property
    def succession(self) -> Succession:
        return Succession()

    def ca_certificates(self, profile: str) -> bytes:
        """What GetCACert gives for a profile. Raises KeyUnavailable."""
        now = self.clock()
        issuer = self.house.in_charge(profile, now)
        return ca_certificates(
            self.ra.current(now, issuer.certificate),
            issuer,
            with_root=self.settings.root_in_getcacert,
            others=self.authorities.known(),
        )

    def next_ca(self, profile: str) -> bytes | None:
        """What GetNextCACert gives for a profile, None as long as no successor is prepared. Raises KeyUnavailable."""
        now = self.clock()
        successor = self.authorities.successor(profile, now)
        if successor is None:
            return None
        return self.succession.message(self.authorities.issuing(profile, now), successor.certificate)
