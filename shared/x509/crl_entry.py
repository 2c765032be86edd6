"""One line of a CRL (RFC 5280 5.3), to and from the library's own form. Others import it from `crl`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography import x509

from shared.errors import MalformedMessage
from shared.x509.serial import serial_text

# RFC 5280 5.3.1; `unspecified` is written by leaving the extension out
REASONS: Final = frozenset(flag.value for flag in x509.ReasonFlags)
_SERIAL: Final = re.compile(r"(?:[0-9a-f]{2})+")
_UNSPECIFIED: Final = x509.ReasonFlags.unspecified.value
# What the library raises for a CRL it does not understand; not all of it is a ValueError
UNREADABLE: Final = (
    ValueError,
    x509.DuplicateExtension,
    x509.ExtensionNotFound,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True, slots=True)
class RevokedEntry:
    """One line of a CRL. `reason` is RFC 5280's name; None and `unspecified` say the same."""

    serial_hex: str
    at: datetime
    reason: str | None = None

    def __post_init__(self) -> None:
        if not _SERIAL.fullmatch(self.serial_hex):
            raise ValueError(f"{self.serial_hex!r} is not a serial number in hexadecimal")
        if self.reason is not None and self.reason not in REASONS:
            raise ValueError(f"{self.reason!r} is not a reason of RFC 5280 5.3.1")
        if self.at.tzinfo is None:
            raise ValueError("a revocation needs an aware time")


def entry_to_library(entry: RevokedEntry) -> x509.RevokedCertificate:
    """For the builder."""
    builder = x509.RevokedCertificateBuilder(int(entry.serial_hex, 16), entry.at)
    if entry.reason not in (None, _UNSPECIFIED):
        builder = builder.add_extension(x509.CRLReason(x509.ReasonFlags(entry.reason)), critical=False)
    return builder.build()


def entry_from_library(revoked: x509.RevokedCertificate) -> RevokedEntry:
    """From a parsed CRL. Raises MalformedMessage."""
    try:
        reason = revoked.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        reason = None
    except UNREADABLE:
        raise MalformedMessage("a CRL entry that cannot be read") from None
    return RevokedEntry(serial_text(revoked.serial_number), revoked.revocation_date_utc, reason)
