"""Enrolment, wired: challenges and who mints them, SCEP over the CA, and the limits on how many come at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from shared.ca.ports import IssuingAuthority
from shared.config import Settings
from shared.revocation.published import PublishedCRLs
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
    def decisions(self) -> Decisions:
        return Decisions(self.pending_requests, self._authority_of_profile)

    @property
    def scep(self) -> SCEPService:
        """SCEP under our own CA."""
        return self.scep_under("")

    def scep_under(self, ca: str) -> SCEPService:
        """SCEP for profiles whose `ca` that is; made once."""
        if ca not in self._services:
            self._services[ca] = self._service(ca)
        return self._services[ca]

    @cached_property
    def _services(self) -> dict[str, SCEPService]:
        return {}

    def _service(self, ca: str) -> SCEPService:
        issuer, authority = self.identity_of(ca), self.authority_of(ca)
        renewals = Renewals(issuer, self.records)
        seal = self.request_seal if ca else None
        approvals = Approvals(self.pending_requests, authority, renewals, self.settings.backdate, seal)
        enrolment = Enrolment(
            authority=authority,
            validators=self.validators,
            renewals=renewals,
            approvals=approvals,
            supersessions=self.supersessions,
            backdate=self.settings.backdate,
            reporters={"intune": self.intune_reporter(ca)} if self.asks_intune else {},
        )
        return SCEPService(
            issuer=issuer,
            ra=self.ra,
            enrolment=enrolment,
            approvals=approvals,
            retrieval=Retrieval(issuer, self.records, renewals, PublishedCRLs(lambda: self.publications)),
        )

    def _authority_of_profile(self, name: str) -> IssuingAuthority:
        profile = self.profiles.get(name)
        return self.authority_of(profile.ca if profile else "")

    @cached_property
    def succession(self) -> Succession:
        return Succession(self.issuer, self.successor)
