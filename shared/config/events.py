"""Settings of device events: who may tell of them, and how much of it is believed at once."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pydantic import Field, SecretStr

from shared.config.group import Group


class EventSettings(Group):
    """What happens to devices."""

    event_secrets: Mapping[str, SecretStr] = Field(
        default_factory=dict,
        description="Secrets of each event source, comma-separated: one setting per name; any of them is taken.",
    )
    webhook_window_seconds: int = Field(
        default=300, ge=10, le=3600, description="How old the signature of a webhook may be."
    )
    event_days: int = Field(
        default=90, ge=7, le=3660, description="How long it is kept what became of an event."
    )
    brake_devices: int = Field(
        default=100, ge=1, le=1_000_000, description="Devices that one source may hold or revoke in a window."
    )
    brake_percent: int = Field(
        default=5, ge=1, le=100, description="And no larger share of the fleet than this, but at least ten."
    )
    brake_hours: int = Field(default=1, ge=1, le=24, description="Length of that window.")

    @property
    def webhook_window(self) -> timedelta:
        return timedelta(seconds=self.webhook_window_seconds)

    @property
    def brake_window(self) -> timedelta:
        return timedelta(hours=self.brake_hours)
