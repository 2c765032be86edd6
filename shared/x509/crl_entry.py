"""One line of a CRL (RFC 5280 5.3), as a value and as DER. Others import it from `crl`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final

from cryptography import x509

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Fields, read_der
from shared.errors import MalformedMessage
from shared.x509.extensions import Extension, parse_extensions
from shared.x509.serial import is_ours, serial_text

# RFC 5280 5.3.1; `unspecified` is written by leaving the extension out
_CODES: Final = {
    "unspecified": 0,
    "keyCompromise": 1,
    "cACompromise": 2,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
    "certificateHold": 6,
    "removeFromCRL": 8,
    "privilegeWithdrawn": 9,
    "aACompromise": 10,
}
_NAMES: Final = {code: name for name, code in _CODES.items()}
REASONS: Final = frozenset(_CODES)
_NINETEEN: Final = b"\x02\x13"  # how an INTEGER of nineteen octets begins
_SERIAL: Final = re.compile(r"(?:[0-9a-f]{2})+")
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

    def to_der(self) -> bytes:
        """The entry as DER."""
        return writer.sequence(serial_key(self.serial_hex), writer.time(self.at), _reason(self.reason))

    @classmethod
    def from_der(cls, der: bytes) -> RevokedEntry:
        """The entry in a slice of a list. Raises MalformedMessage."""
        fields = Fields(read_der(der).expect(tags.SEQUENCE))
        serial = serial_text(values.integer(fields.take()))
        at = values.time(fields.take())
        extensions = parse_extensions(fields.take()) if fields.more() else {}
        fields.finish()
        _, code = extensions.get(oids.CRL_REASON, (False, b""))
        return cls(serial, at, _reason_name(code) if code else None)


def serial_key(serial_hex: str) -> bytes:
    """A serial number as the INTEGER it is in an entry. Keys of positive numbers sort as the numbers do."""
    return writer.integer(int(serial_hex, 16))


def key_serial(key: bytes) -> str:
    """The serial number in a key, as its hexadecimal octets. Raises MalformedMessage."""
    return serial_text(values.integer(read_der(key)))


def is_ours_key(key: bytes) -> bool:
    """Whether the serial number in a key has our form."""
    return key.startswith(_NINETEEN) and is_ours(key[2:].hex())


def key_shard(key: bytes, count: int) -> int:
    """Which of `count` shards the serial number in a key falls into; -1 for one that is not ours."""
    return key[4] * count >> 8 if key.startswith(_NINETEEN) else -1


@lru_cache(maxsize=16)
def _reason(reason: str | None) -> bytes:
    code = _CODES[reason or "unspecified"]
    if not code:
        return b""
    value = writer.tlv(tags.ENUMERATED, bytes((code,)))
    return writer.sequence(Extension(oids.CRL_REASON, False, value).encoded)


def _reason_name(value: bytes) -> str:
    code = values.enumerated(read_der(value))
    if code not in _NAMES:
        raise MalformedMessage(f"reason {code} is not one of RFC 5280 5.3.1")
    return _NAMES[code]


_REMOVED: Final = _reason("removeFromCRL")


def removal(key: bytes, at: datetime) -> bytes:
    """The entry of a delta CRL that takes the serial number in `key` off the list (RFC 5280 5.3.1)."""
    return writer.sequence(key, writer.time(at), _REMOVED)


def is_removal(entry: bytes) -> bool:
    """Whether an entry (DER) takes a serial number off the list."""
    return entry.endswith(_REMOVED)


def entry_from_library(revoked: x509.RevokedCertificate) -> RevokedEntry:
    """From a parsed CRL. Raises MalformedMessage."""
    try:
        reason = revoked.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        reason = None
    except UNREADABLE:
        raise MalformedMessage("a CRL entry that cannot be read") from None
    return RevokedEntry(serial_text(revoked.serial_number), revoked.revocation_date_utc, reason)
