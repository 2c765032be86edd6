"""The outermost layer of a PFX (RFC 7292 4), which says whether a file is one and is whole. Nothing in it is opened."""

from __future__ import annotations

from shared.asn1 import oids, tags, values
from shared.asn1.reader import Fields, read
from shared.errors import MalformedMessage

_VERSION = 3
_LONG = 0x80


def check_shell(pfx: bytes) -> None:
    """Raises MalformedMessage for bytes that are no PFX, or not all of one."""
    if not pfx:
        raise _refusal("the PFX is empty")
    _check_length(pfx)
    try:
        fields = Fields(read(pfx).expect(tags.SEQUENCE))
        version, content = values.integer(fields.take(tags.INTEGER)), Fields(fields.take(tags.SEQUENCE))
        kind = values.oid(content.take())
        fields.optional(tags.SEQUENCE)
        fields.finish()
    except MalformedMessage as error:
        raise _refusal(f"this is not a PFX file: {error.reason}") from None
    if version != _VERSION or kind not in (oids.DATA, oids.SIGNED_DATA):
        raise _refusal("this is not a PFX file of version 3")


def _check_length(pfx: bytes) -> None:
    """Of a SEQUENCE with a definite length, which is what all but a few programs write."""
    if pfx[0] != tags.SEQUENCE or len(pfx) < 2 or pfx[1] == _LONG:
        return
    octets = pfx[1] & 0x7F if pfx[1] > _LONG else 0
    length = int.from_bytes(pfx[2 : 2 + octets], "big") if octets else pfx[1]
    whole = 2 + octets + length
    if octets <= 8 and whole > len(pfx):
        raise _refusal(f"the PFX is cut off: {len(pfx)} of {whole} bytes")


def _refusal(reason: str) -> MalformedMessage:
    return MalformedMessage(reason, public=f"{reason[0].upper()}{reason[1:]}.")
