"""OCSP, wired: who answers for which CA, from what, and on which threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property, partial

from shared.ca.issuer import issuer_id
from shared.ca.issuers import CAIdentity
from shared.ca.kept_identities import KeptIdentities
from shared.ca.kept_responders import KeptResponders
from shared.ca.responder_files import ISSUING, ROOT, ResponderFiles
from shared.ca.responder_identity import (
    IdentitiesOf,
    ResponderIdentities,
    ResponderIdentity,
    make_identity,
)
from shared.ca.responding import DelegatedResponder
from shared.ca.roster import Roster
from shared.config import Settings
from shared.errors import KeyUnavailable
from shared.revocation.responder import Authority as Answered
from shared.revocation.responder import Lives, OCSPResponder
from shared.revocation.standing import RecordedStanding, RootStanding
from shared.scep.admission import Admission
from shared.wiring.authority import Authority
from shared.wiring.each import for_each
from shared.x509.certificate import Certificate


class Answering(Authority):
    """Saying how a certificate stands, to whoever asks."""

    def __init__(
        self, settings: Settings, environment: Mapping[str, str], clock: Callable[[], datetime]
    ) -> None:
        super().__init__(settings, environment, clock)
        self.ocsp_admission = Admission(settings.max_ocsp, kind="OCSP requests")
        # As for SCEP: the embedded host knows the threads by the name.
        self.ocsp_threads = ThreadPoolExecutor(settings.max_ocsp, "function-ocsp")
        self._responders: dict[bytes, DelegatedResponder] = {}
        self._ocsp: tuple[Roster, OCSPResponder] | None = None

    @cached_property
    def responder_identities(self) -> ResponderIdentities:
        """Those of all issuing CAs."""
        if self.settings.vault_url:
            return self._kept(self.settings.vault_responder_secret)
        return ResponderFiles(self.ca_folder, ISSUING)

    @cached_property
    def root_identities(self) -> ResponderIdentities:
        """Those of all roots."""
        if self.settings.vault_url:
            return self._kept(f"{self.settings.vault_responder_secret}-root")
        return ResponderFiles(self.ca_folder, ROOT)

    def responder(self, generation: CAIdentity) -> DelegatedResponder:
        """Who answers for an issuing CA."""
        issuer, certificate = generation.id, generation.certificate

        def make(now: datetime) -> ResponderIdentity:
            found = self.authorities.find(issuer)
            if found is None:
                raise KeyUnavailable(f"CA {issuer} is no more")
            return make_identity(found, now=now, backdate=self.settings.backdate)

        return self._responder(certificate, self.responder_identities, make)

    def root_responder(self, root: Certificate) -> DelegatedResponder:
        """Who answers for a root: made with it, because its key is away afterwards."""
        return self._responder(root, self.root_identities, None)

    @property
    def ocsp(self) -> OCSPResponder:
        """For every CA as it is known now."""
        roster, made = self.authorities.roster, self._ocsp
        if made is None or made[0] is not roster:
            made = self._ocsp = roster, self._ocsp_for(roster)
        return made[1]

    def renew_responders(self) -> None:
        """Make the next responder of each issuing CA whose newest is a day old. Raises what the last failure was."""
        now = self.clock()
        known = [each for each in self.authorities.known() if each.certificate.not_after > now]
        for_each(known, lambda generation: self.responder(generation).renew(now), "OCSP responder")

    def _ocsp_for(self, roster: Roster) -> OCSPResponder:
        settings = self.settings
        if not roster.generations:
            raise KeyUnavailable("; ".join(roster.faults.values()) or "no CA is installed")
        answered = [Answered(self.responder(each), self._standing(each.id)) for each in roster.generations]
        for root in roster.roots:
            below = RootStanding(root, partial(self._crl_of, root), partial(self._issued_by, root))
            answered.append(Answered(self.root_responder(root), below))
        return OCSPResponder(answered, Lives(settings.ocsp_life, settings.ocsp_held_life))

    def _standing(self, issuer: str) -> RecordedStanding:
        return RecordedStanding(
            issuer, self.records, good_seconds=self.settings.ocsp_good_seconds, ticks=time.monotonic
        )

    def _responder(
        self,
        authority: Certificate,
        kept: ResponderIdentities,
        make: Callable[[datetime], ResponderIdentity] | None,
    ) -> DelegatedResponder:
        """The one of this worker."""
        if authority.der not in self._responders:
            made = DelegatedResponder(authority, IdentitiesOf(authority, kept), self.records, make)
            self._responders.setdefault(authority.der, made)
        return self._responders[authority.der]

    def _kept(self, secret: str) -> KeptResponders:
        return KeptResponders(KeptIdentities(self.vault_secrets, secret, self.clock))

    def _crl_of(self, root: Certificate) -> bytes | None:
        return self.authorities.roster.root_crls.get(issuer_id(root.spki))

    def _issued_by(self, root: Certificate) -> Iterator[Certificate]:
        yield from self.authorities.roster.issued_by(root)
        kept = IdentitiesOf(root, self.root_identities)
        yield from (identity.certificate for identity in kept.load())
