"""OCSP, wired: who answers for which CA, from what, and on which threads."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cached_property

from shared.ca.kept_identities import KeptIdentities
from shared.ca.kept_responders import KeptResponders
from shared.ca.responder_files import ISSUING, ROOT, ResponderFiles
from shared.ca.responder_identity import ResponderIdentities, ResponderIdentity, make_identity
from shared.ca.responding import DelegatedResponder
from shared.config import Settings
from shared.revocation.responder import Authority as Answered
from shared.revocation.responder import Lives, OCSPResponder
from shared.revocation.standing import RecordedStanding, RootStanding
from shared.scep.admission import Admission
from shared.wiring.authority import Authority
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

    @cached_property
    def responder_identities(self) -> ResponderIdentities:
        if self.settings.vault_url:
            return self._kept(self.settings.vault_responder_secret)
        return ResponderFiles(self.ca_folder, ISSUING)

    @cached_property
    def root_identities(self) -> ResponderIdentities:
        if self.settings.vault_url:
            return self._kept(f"{self.settings.vault_responder_secret}-root")
        return ResponderFiles(self.ca_folder, ROOT)

    @cached_property
    def responder(self) -> DelegatedResponder:
        """Who answers for the issuing CA."""
        return DelegatedResponder(
            self.issuer.certificate, self.responder_identities, self.records, self._make_responder
        )

    @cached_property
    def root_responder(self) -> DelegatedResponder:
        """Who answers for the root: made with it, because its key is away afterwards."""
        return DelegatedResponder(self._root, self.root_identities, self.records, make=None)

    @cached_property
    def ocsp(self) -> OCSPResponder:
        settings = self.settings
        issued = RecordedStanding(
            self.issuer.id, self.records, good_seconds=settings.ocsp_good_seconds, ticks=time.monotonic
        )
        authorities = [Answered(self.responder, issued)]
        if self.issuer.chain:
            below_root = RootStanding(self._root, self.ca_home.root_crl, self._issued_by_root)
            authorities.append(Answered(self.root_responder, below_root))
        return OCSPResponder(authorities, Lives(settings.ocsp_life, settings.ocsp_held_life))

    def _kept(self, secret: str) -> KeptResponders:
        return KeptResponders(KeptIdentities(self.vault_secrets, secret, self.clock))

    @property
    def _root(self) -> Certificate:
        return self.issuer.chain[-1]

    def _make_responder(self, now: datetime) -> ResponderIdentity:
        return make_identity(self.issuer, now=now, backdate=self.settings.backdate)

    def _issued_by_root(self) -> Iterator[Certificate]:
        yield from self.ca_home.ca_certificates()
        yield from (identity.certificate for identity in self.root_identities.load())
