"""The CAs as a ceremony sees them: with the identity of whoever holds it, who may make keys and install certificates.

Only `manage.py ca` comes here. Storage is not touched; the app learns of what changed by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import cast

from shared.ca.installing import CeremonyHome, Completion, held_in, key_of
from shared.ca.issuer import Issuer
from shared.ca.roster import DEFAULT, Generation, Roster
from shared.ca.vault import KeyMaker, VaultCA
from shared.config import Settings
from shared.errors import KeyUnavailable
from shared.keys.vault_names import VaultName
from shared.wiring.answering import Answering


class Ceremony(Answering):
    """`hardware`: keys that are made in a vault are made in its HSM."""

    def __init__(
        self,
        settings: Settings,
        environment: Mapping[str, str],
        clock: Callable[[], datetime],
        *,
        hardware: bool = True,
    ) -> None:
        super().__init__(settings, environment, clock)
        self._hardware = hardware

    def home(self, ca: str = DEFAULT) -> CeremonyHome:
        """Where the CA of that name is kept, or is to be. Raises KeyUnavailable for a name that no setting has."""
        found = self.ca_homes.get(ca)
        if found is None:
            raise KeyUnavailable(
                f"no CA is called {ca}: set SCEPTER_AUTHORITIES__{ca.replace('-', '_').upper()}__KEY"
            )
        return cast(CeremonyHome, found)  # a folder or a vault: both may be changed

    def roster(self) -> Roster:
        """Every CA as it is kept now. Raises KeyUnavailable."""
        return Roster.of({name: held_in(self.home(name)) for name in self.ca_homes})

    def issuer_for(self, generation: Generation) -> Issuer:
        """With its key, of a generation that is kept or about to be. Raises KeyUnavailable, IssuanceFault."""
        return self._compose_issuer(generation, key_of(self.home(generation.ca), generation))

    def completion(self, progress: Callable[[str], None]) -> Completion:
        """What makes RA and responder."""
        return Completion(self.ra_home, self.responder_identities, self.settings.backdate, progress)

    def close(self) -> None:
        """Connections and threads."""
        self.ocsp_threads.shutdown(wait=False)
        if "vault_transport" in vars(self):
            self.vault_transport.close()

    def _vault_ca(self, key: VaultName, chain: str, maker: KeyMaker | None = None) -> VaultCA:
        from shared.keys.keyvault_making import VaultKeyMaker  # Azure's SDK, for those who have a vault

        made = maker or VaultKeyMaker(self.vaults, self.vault_keys, key, self._hardware)
        return super()._vault_ca(key, chain, made)
