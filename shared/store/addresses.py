"""Where a row lives: the partition and row key of everything on record, and the ranges to look for it.

Keys cannot hold `/ \\ # ?` or control characters, `%` confuses proxies, and a key ends at 1 KiB. So ids are
written with `=` and two hexadecimal digits for every octet that is not plain, and long ones as a hash.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import NamedTuple

from shared.store.ports import RevocationChange, Supersession
from shared.x509.serial import day_octets, is_ours, partition_of

ID_CHARACTERS = 400
ISSUER_CHARACTERS = 100
"""Of one encoded id, of an issuer's. 1 KiB is 512 characters in UTF-16: both and a bit must fit into a
key."""

_PLAIN = re.compile(rf"[A-Za-z0-9._:@+~-]{{1,{ID_CHARACTERS}}}").fullmatch
_PLAIN_ISSUER = re.compile(rf"[A-Za-z0-9]{{1,{ISSUER_CHARACTERS}}}").fullmatch
_SPECIAL = re.compile(rb"[^A-Za-z0-9._:@+~-]")
_SPECIAL_ISSUER = re.compile(rb"[^A-Za-z0-9]")
_USE_NUMBERS = 10**9


class Address(NamedTuple):
    """Partition key and row key."""

    partition: str
    row: str


class Range(NamedTuple):
    """Partition keys from `first` to just before `beyond`."""

    first: str
    beyond: str


USES = Range("u:", "u;")
"""Row keys of uses; `;` follows `:` in ASCII."""


def encode(text: str) -> str:
    """`text` as a key: one to one, ASCII, at most 400 characters. Over that, `=h` and its SHA-256."""
    return text if _PLAIN(text) else _encode(text, _SPECIAL, ID_CHARACTERS)


def _encode(text: str, special: re.Pattern[bytes], limit: int) -> str:
    octets = text.encode("utf-8", "surrogatepass")
    encoded = special.sub(lambda match: b"=%02X" % match[0][0], octets).decode("ascii")
    if len(encoded) > limit:
        # No encoded octet starts with `=h`: a hash never meets another id's plain form.
        return f"=h{sha256(octets).hexdigest()}"
    return encoded or "="


def _issuer(issuer: str) -> str:
    # Without a dash, so that no issuer's range of partitions holds another issuer's.
    return issuer if _PLAIN_ISSUER(issuer) else _encode(issuer, _SPECIAL_ISSUER, ISSUER_CHARACTERS)


def of_claim(owner: str, identity: str) -> Address:
    """The owner's row for a request's identity."""
    return Address(encode(owner), encode(identity))


def of_record(issuer: str, serial: str) -> Address:
    """Our own serials know their partition; those of outside issuers are spread by a hash, behind all of
    ours."""
    key = encode(serial)
    spread = partition_of(serial) if is_ours(serial) else f"x-{sha256(key.encode()).hexdigest()[:2]}"
    return Address(f"{_issuer(issuer)}-{spread}", key)


def of_change(change: RevocationChange) -> Address:
    """The change row: issuer and UTC hour, serial."""
    return Address(f"{_issuer(change.issuer)}-{_hour(change.changed_at)}", encode(change.serial))


def of_supersession(supersession: Supersession) -> Address:
    """The day it is due, issuer and serial."""
    return Address(
        supersession.due.isoformat(), f"{_issuer(supersession.issuer)}-{encode(supersession.serial)}"
    )


def of_holder(name: str, identity: str) -> Address:
    """The row that says `identity` holds a use of `name`."""
    return Address(encode(name), f"i:{encode(identity)}")


def of_use(name: str, number: int) -> Address:
    """The row that says use `number` is taken; counted down, so that the last one comes first in the
    table."""
    return Address(encode(name), f"u:{_USE_NUMBERS - number:09d}")


def use_number(row: str) -> int:
    """The number in a row key of `of_use`."""
    return _USE_NUMBERS - int(row.removeprefix("u:"))


def records_of(issuer: str) -> Range:
    """All partitions of an issuer, in order of notAfter for our own."""
    return Range(f"{_issuer(issuer)}-", f"{_issuer(issuer)}.")  # `.` follows `-` in ASCII


def records_from(issuer: str, address: Address | None) -> Range:
    """The partitions of an issuer from that of `address` on; all of them for None."""
    return Range(address.partition if address else f"{_issuer(issuer)}-", f"{_issuer(issuer)}.")


def records_ending(issuer: str, day: date) -> Range:
    """The partitions of our own serials whose certificates end on `day` or later, and those of other issuers'."""
    return Range(f"{_issuer(issuer)}-{day_octets(day).hex()}", f"{_issuer(issuer)}.")


def changes_before(issuer: str, moment: datetime) -> Range:
    """The hours before that of `moment`."""
    return Range(f"{_issuer(issuer)}-", f"{_issuer(issuer)}-{_hour(moment)}")


def changes_of(issuer: str, since: datetime) -> Range:
    """The hours from `since` on."""
    return Range(f"{_issuer(issuer)}-{_hour(since)}", f"{_issuer(issuer)}.")


def due_until(day: date) -> Range:
    """All days up to and with `day`."""
    return Range("", f"{day.isoformat()}-")


def _hour(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%d%H}"
