"""Setting tenants up and looking after that, wired: drafts of Intune's profiles, checks, and what is installed.

Everything of shared/intune is imported on first use, as in `intune`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from shared.errors import DependencyError, UnknownCertificate
from shared.store.directory import Note
from shared.wiring.intune import name_of
from shared.wiring.tenants import Tenants

if TYPE_CHECKING:
    from shared.config.intune import IntuneIntegration
    from shared.intune.setup.check import Line
    from shared.intune.setup.draft import Draft, Platform
    from shared.intune.setup.roles import Need
    from shared.policy.profile import Profile
    from shared.x509.certificate import Certificate


class Setup(Tenants):
    """What an administrator does with a tenant before devices come, and looks at afterwards."""

    @property
    def integrations(self) -> Mapping[str, IntuneIntegration]:
        """By name, as profiles write it."""
        return {name_of(key): values for key, values in self.settings.intune.items()}

    def integration(self, name: str) -> IntuneIntegration:
        """Raises UnknownCertificate (404)."""
        found = self.integrations.get(name)
        if found is None:
            known = ", ".join(self.integrations) or "none"
            raise UnknownCertificate(
                f"no integration {name!r:.60}", public=f"No such integration; known: {known}."
            )
        return found

    def needs(self, name: str) -> list[Need]:
        """What an integration needs app roles for, by its settings."""
        values = self.integration(name)
        wanted: dict[Need, bool] = {
            "scep": True,
            "directory": values.directory or bool(values.notification_url),
            "groups": bool(values.watched),
            "status": values.beta,  # what `check` looks at is there
        }
        return [need for need, is_wanted in wanted.items() if is_wanted]

    def intune_drafts(self, profile: str, platforms: Iterable[Platform], **wishes: Any) -> list[Draft]:  # noqa: ANN401
        """Intune's profiles for one of ours. Raises UnknownCertificate, PolicyViolation."""
        from shared.intune.setup.drafts import drafts
        from shared.intune.setup.wishes import Wishes

        found = self.profiles.profiles.get(profile)
        if found is None:
            raise UnknownCertificate(f"no profile {profile!r:.60}", public="No such profile.")
        return drafts(Wishes(found, self._scep_url(found), self._chain_of(found.ca), **wishes), platforms)

    def check_integration(self, name: str) -> Iterator[Line]:
        """Look whether a tenant is set up as it has to be; nothing is changed. Raises UnknownCertificate."""
        from shared.intune.setup.check import SetupCheck
        from shared.intune.setup.reach import Reach
        from shared.intune.setup.roles import GRAPH_ROLES

        values, needs = self.integration(name), {*self.needs(name), "status"}
        urls: dict[str, list[str]] = {}
        for profile in self._profiles_of(name):
            urls.setdefault(profile.ca, []).append(self._scep_url(profile))
        every = urls if values.beta else {}
        reach = [Reach(each, self._chain_of(ca)) for ca, each in every.items()]
        roles = [role for role in GRAPH_ROLES if role.need in needs]
        return SetupCheck(self.intune_clients[name], roles, reach, self.clock).run()

    def look_at_installations(self) -> None:
        """Ask each tenant that is to be asked which certificates are on their devices, and note it."""
        for name, values in self.integrations.items():
            if values.installations and values.beta:
                self._look_at_installations(name)

    def installations(self, name: str) -> Note | None:
        """What the last look found. Raises UnknownCertificate, StoreUnavailable."""
        self.integration(name)
        return self.notes.read(f"{name}.installations")

    def _look_at_installations(self, name: str) -> None:
        from shared.intune.installations import InstallationReader
        from shared.intune.rounds import note_round

        profiles = self._profiles_of(name)
        reader = InstallationReader(
            integration=name,
            wire=self.intune_clients[name].wire,
            records=self.records,
            issuers=tuple(each.id for each in self.house.known()),
            profiles={profile.name: profile.platforms for profile in profiles},
            urls=[self._scep_url(profile) for profile in profiles],
            patience=timedelta(hours=self.settings.install_hours),
            clock=self.clock,
        )
        content: dict[str, Any] = {}
        problem = None
        try:
            content = reader.look().content()
        except DependencyError as error:
            problem = error
        note_round(self.notes, f"{name}.installations", self.clock(), content, problem)

    def _chain_of(self, ca: str) -> tuple[Certificate, ...]:
        """The CA that issues where a profile says `ca`, and its chain, root last."""
        identity = self.identity_of(ca)
        return (identity.certificate, *identity.chain)

    def _profiles_of(self, name: str) -> list[Profile]:
        """The profiles that an integration decides on."""
        return [
            profile
            for profile in self.profiles.profiles.values()
            if profile.challenge == "intune" and profile.integration == name
        ]

    def _scep_url(self, profile: Profile) -> str:
        return f"{self.settings.public_url}/scep/{profile.name}"
