"""The signed attributes of a GetNextCACert answer before they are signed, and how they can be wrong."""

from __future__ import annotations

from shared.asn1 import oids, writer
from tests.ca.lists import Rules


def _attribute(oid: str, *values: bytes) -> bytes:
    return writer.sequence(writer.oid(oid), writer.set_of(values))


CONTENT_TYPE = _attribute(oids.CONTENT_TYPE, writer.oid(oids.DATA))
SIGNED_DATA = _attribute(oids.CONTENT_TYPE, writer.oid(oids.SIGNED_DATA))
MESSAGE_DIGEST = _attribute(oids.MESSAGE_DIGEST, writer.octet_string(bytes(range(32))))
LONG_DIGEST = _attribute(oids.MESSAGE_DIGEST, writer.octet_string(bytes(48)))
OTHER_DIGEST = _attribute("1.2.840.113549.1.9.7", writer.octet_string(bytes(32)))
SIGNING_TIME = _attribute("1.2.840.113549.1.9.5", b"\x17\x0d261121120000Z")


def announcement(*attributes: bytes) -> bytes:
    """The SET OF, in the order given; by default as `ca_certificate()` may sign it."""
    contents = b"".join(attributes or (CONTENT_TYPE, MESSAGE_DIGEST))
    assert len(contents) < 128
    return bytes((0x31, len(contents))) + contents


def announcement_rules() -> Rules:
    """Each an announcement with one fault, and the finding that names it."""
    twice = _attribute(oids.MESSAGE_DIGEST, *[writer.octet_string(bytes(13))] * 2)
    return {
        "announcement of other content": (
            announcement(SIGNED_DATA, MESSAGE_DIGEST),
            "content type is not data",
        ),
        "announcement turned round": (announcement(MESSAGE_DIGEST, CONTENT_TYPE), "content type is not data"),
        "announcement by another digest": (
            announcement(CONTENT_TYPE, LONG_DIGEST),
            "message digest is not by the key's algorithm",
        ),
        "announcement without digest": (
            announcement(CONTENT_TYPE, OTHER_DIGEST),
            "message digest is missing",
        ),
        "announcement with two digests": (announcement(CONTENT_TYPE, twice), "message digest is"),
        "announcement of nothing": (announcement(CONTENT_TYPE), "a field is missing"),
        "announcement with a time": (announcement(CONTENT_TYPE, MESSAGE_DIGEST, SIGNING_TIME), "more fields"),
    }
