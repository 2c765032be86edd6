"""Serial numbers that know where their certificate is on record (RFC 5280 4.1.2.2: positive, <= 20 octets).

Nineteen octets: two for the day of notAfter (days since 2000-01-01), one that spreads a day over partitions,
sixteen random. A serial is written as its 38 lower-case hexadecimal digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final

from shared.errors import IssuanceFault

_FIRST_DAY: Final = date(2000, 1, 1)
# The first octet is never 0, so the number has all nineteen; its top bit is clear, so the number is positive.
_DAYS: Final = range(0x0100, 0x8000)
_OURS: Final = re.compile(r"[0-9a-f]{38}")


def make_serial(not_after: datetime, random: Callable[[int], bytes]) -> str:
    """A fresh serial for a certificate that ends at `not_after`; `random(n)` gives n unpredictable octets.

    Raises IssuanceFault if the day cannot be written (before 2000-09-13 or after 2089-09-18).
    """
    day = (not_after.astimezone(UTC).date() - _FIRST_DAY).days
    if day not in _DAYS:
        raise IssuanceFault(f"a serial cannot hold the end of validity {not_after:%Y-%m-%d}")
    return f"{day:04x}{random(17).hex()}"


def serial_text(serial: int) -> str:
    """The octets of a serial number in hexadecimal; of a negative one (strangers have them) its magnitude."""
    octets = abs(serial)
    return octets.to_bytes(max(1, (octets.bit_length() + 7) // 8), "big").hex()


def is_ours(serial_hex: str) -> bool:
    """Whether the serial has our form; one of an outside issuer may have it by chance."""
    return _OURS.fullmatch(serial_hex) is not None and int(serial_hex[:4], 16) in _DAYS


def partition_of(serial_hex: str) -> str:
    """`dddd-ss`: the day and the spread octet in hexadecimal. ValueError if the serial is not ours."""
    _require(serial_hex)
    return f"{serial_hex[:4]}-{serial_hex[4:6]}"


def shard_of(serial_hex: str, count: int) -> int:
    """Which of `count` shards (a power of two, at most 256) a serial falls into: the top bits of its spread octet.

    ValueError if the serial is not ours.
    """
    _require(serial_hex)
    return int(serial_hex[4:6], 16) * count >> 8


def day_octets(day: date) -> bytes:
    """How a serial of ours begins whose certificate ends on `day`; days that no serial can hold are cut to those
    that can."""
    return min(max((day - _FIRST_DAY).days, _DAYS.start), _DAYS.stop).to_bytes(2, "big")


def expiry_day(serial_hex: str) -> date:
    """The UTC day of notAfter. ValueError if the serial is not ours."""
    _require(serial_hex)
    return _FIRST_DAY + timedelta(days=int(serial_hex[:4], 16))


def _require(serial_hex: str) -> None:
    if not is_ours(serial_hex):
        raise ValueError(f"not a serial of ours: {serial_hex!r}")
