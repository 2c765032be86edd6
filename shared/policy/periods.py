"""Spans of time in a profile: when a certificate may be renewed, and when its predecessor goes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import PlainValidator

from shared.policy.patterns import Pattern

_PERCENT = Pattern("[1-9][0-9]?%|100%")


@dataclass(frozen=True, slots=True)
class RenewalWindow:
    """The last part of a certificate's life, in days or in percent of that life; exactly one is given."""

    days: int | None = None
    percent: int | None = None

    @classmethod
    def parse(cls, value: object) -> RenewalWindow:
        """A window from `30` (days) or `"20%"` (of the certificate's own life). Raises ValueError."""
        if isinstance(value, RenewalWindow):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and 0 < value <= 3660:
            return cls(days=value)
        if isinstance(value, str) and _PERCENT.matches(value):
            return cls(percent=int(value[:-1]))
        raise ValueError('a renewal window is a number of days (30) or a share of the life ("20%")')

    def length(self, life: timedelta) -> timedelta:
        """How long before its end a certificate that lives for `life` may be renewed."""
        return timedelta(days=self.days) if self.days is not None else life * (self.percent or 0) / 100

    def is_open(self, not_before: datetime, not_after: datetime, now: datetime) -> bool:
        """Whether `now` lies in the window; both ends belong to it (RFC 5280 4.1.2.5)."""
        return not_after - self.length(not_after - not_before) <= now <= not_after


def parse_grace(value: object) -> timedelta | None:
    """How long a predecessor lives on: a number of days, or None for `"never"`. Raises ValueError."""
    if value is None or value == "never":
        return None
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 365:
        return timedelta(days=value)
    raise ValueError('either "never" or a number of days from 0 to 365')


RenewalWindowText = Annotated[RenewalWindow, PlainValidator(RenewalWindow.parse)]
Grace = Annotated[timedelta | None, PlainValidator(parse_grace)]
