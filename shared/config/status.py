"""Settings of what relying parties are told: the CRL."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from shared.config.group import Group


class StatusSettings(Group):
    """Saying no afterwards."""

    crl_hours: float = Field(
        default=72, ge=1, le=24 * 90, description="Life of a CRL; renewed at half of it."
    )

    @property
    def crl_life(self) -> timedelta:
        return timedelta(hours=self.crl_hours)
