"""Settings of imported PFX files: how large, and how long it is kept what was asked of them."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field

from shared.config.group import Group


class ImportedSettings(Group):
    """PFX files that were made elsewhere."""

    max_pfx_kib: int = Field(default=256, ge=16, le=4096, description="Largest PFX that is imported.")
    pfx_request_days: int = Field(
        default=90, ge=1, le=3660, description="How long requests for deliveries of imported PFX are kept."
    )

    @property
    def largest_pfx(self) -> int:
        """In bytes."""
        return self.max_pfx_kib * 1024

    @property
    def pfx_request_life(self) -> timedelta:
        return timedelta(days=self.pfx_request_days)
