"""Mode "intune", wired: a client for each tenant, who decides, who reports, and what the timer does.

Everything of shared/intune is imported on first use: most installations have no such profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING

from shared.errors import SettingsError
from shared.wiring.revoking import Revoking

if TYPE_CHECKING:
    from shared.config.intune import IntuneIntegration
    from shared.intune.challenges import IntuneChallenges
    from shared.intune.client import IntuneClient
    from shared.intune.release import Release
    from shared.intune.reporting import IntuneReporter
    from shared.intune.seal import RequestSeal
    from shared.intune.sweep import Sweep


class Intune(Revoking):
    """Who else decides."""

    @cached_property
    def intune_clients(self) -> Mapping[str, IntuneClient]:
        """By integration. Raises SettingsError if a profile names one that has no settings."""
        clients = {
            name_of(key): _client(
                name_of(key), values, self._managed_identity, self.settings.intune_seconds / 2
            )
            for key, values in self.settings.intune.items()
        }
        for profile in self.profiles.profiles.values():
            if profile.challenge == "intune" and profile.integration not in clients:
                setting = f"SCEPTER_INTUNE__{profile.integration.replace('-', '_').upper()}__TENANT"
                raise SettingsError(f"{setting}: is missing; profile {profile.name} needs it")
        return clients

    @cached_property
    def intune_challenges(self) -> IntuneChallenges:
        from shared.intune.challenges import IntuneChallenges

        return IntuneChallenges(self.intune_clients)

    @cached_property
    def intune_reporter(self) -> IntuneReporter:
        from shared.intune.reporting import IntuneReporter

        return IntuneReporter(
            authority_over=self.authority_over,
            records=self.records,
            release=self._release,
            reports=self.failure_reports,
            seal=self.request_seal.seal,
        )

    @cached_property
    def intune_sweep(self) -> Sweep | None:
        """None as long as no tenant has settings."""
        if not self.settings.intune:
            return None
        from shared.intune.sweep import Sweep

        return Sweep(
            clients=self.intune_clients,
            records=self.records,
            release=self._release,
            reports=self.failure_reports,
            open=self.request_seal.open,
            clock=self.clock,
        )

    def close_intune(self) -> None:
        """Close the connections to Microsoft's services, if there are any."""
        clients: Mapping[str, IntuneClient] = vars(self).get("intune_clients", {})
        for client in clients.values():
            client.close()

    @property
    def asks_intune(self) -> bool:
        """Whether any profile is in mode "intune"."""
        return any(profile.challenge == "intune" for profile in self.profiles.profiles.values())

    @cached_property
    def _release(self) -> Release:
        from shared.intune.release import Release

        return Release(self.intune_clients, self.outbox, self.revocations)

    @cached_property
    def request_seal(self) -> RequestSeal:
        from shared.intune.seal import RequestSeal

        return RequestSeal([key.get_secret_value() for key in self.settings.challenge_keys])

    @property
    def _managed_identity(self) -> str:
        """The client id of the app's own identity, where it is not the only one."""
        return self.environment.get("AzureWebJobsStorage__clientId", "")


def name_of(key: str) -> str:
    """An integration as profiles write it."""
    return key.replace("_", "-").lower()


def _client(name: str, values: IntuneIntegration, managed_identity: str, seconds: float) -> IntuneClient:
    from shared.intune.client import IntuneClient
    from shared.intune.tenant import Tenant

    secret = values.client_secret.get_secret_value()
    certificate = values.client_certificate.get_secret_value()
    own = values.client_id if secret or certificate else values.client_id or managed_identity
    credential = {"client_id", "client_secret", "client_certificate"}
    given = values.model_dump(include={field.name for field in fields(Tenant)} - credential)
    tenant = Tenant(name=name, client_id=own, client_secret=secret, client_certificate=certificate, **given)
    return IntuneClient(tenant, seconds)
