"""Settings of what relying parties are told: the CRL, OCSP."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, ValidationInfo, field_validator

from shared.config.group import Group


class StatusSettings(Group):
    """Saying no afterwards."""

    crl_hours: float = Field(
        default=72, ge=1, le=24 * 90, description="Life of a CRL; renewed at half of it."
    )
    crl_shards: int = Field(
        default=0, ge=0, le=256, description="Shards of the CRL that new certificates name; 0: the full CRL."
    )
    crl_delta_hours: float = Field(
        default=0, ge=0, le=24 * 90, description="Life of a delta CRL, renewed at half of it; 0: no deltas."
    )

    @field_validator("crl_shards")
    @classmethod
    def _power_of_two(cls, value: int) -> int:
        if value and (value == 1 or value & (value - 1)):
            raise ValueError("is the number of shards: 0 for none, or a power of two from 2 to 256")
        return value

    @field_validator("crl_delta_hours")
    @classmethod
    def _shorter_than_a_crl(cls, value: float, info: ValidationInfo) -> float:
        if 0 < value < 1 or value > info.data.get("crl_hours", value):
            raise ValueError("is 0 for none, or at least 1 and no more than SCEPTER_CRL_HOURS")
        return value

    ocsp_in_certificates: bool = Field(
        default=True, description="Whether new certificates say where OCSP is."
    )
    ocsp_hours: float = Field(default=1, ge=0.1, le=24 * 7, description="How long an OCSP answer holds.")
    ocsp_held_minutes: float = Field(
        default=5, ge=1, le=60, description="The same for a certificate on hold, or not known."
    )
    ocsp_max_age: int = Field(
        default=60, ge=0, le=3600, description="Seconds that HTTP caches may keep an answer to a GET."
    )
    ocsp_good_seconds: float = Field(
        default=1, ge=0, le=1, description="How long a worker remembers that a certificate is good."
    )
    max_ocsp: int = Field(
        default=32, ge=1, le=256, description="OCSP requests that one worker carries at the same time."
    )

    @property
    def ocsp_life(self) -> timedelta:
        return timedelta(hours=self.ocsp_hours)

    @property
    def ocsp_held_life(self) -> timedelta:
        return min(timedelta(minutes=self.ocsp_held_minutes), self.ocsp_life)

    @property
    def crl_life(self) -> timedelta:
        return timedelta(hours=self.crl_hours)

    @property
    def crl_delta_life(self) -> timedelta | None:
        """None: no deltas."""
        return timedelta(hours=self.crl_delta_hours) if self.crl_delta_hours else None
