"""How a message travels in a GET (RFC 8894 4.1): base64 in the query, in every form that clients really send."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote_to_bytes

from shared.errors import MalformedMessage

_TO_STANDARD = bytes.maketrans(b"-_ ", b"+/+")  # the URL-safe alphabet; a space was a bare `+` to some proxy


def query_parameter(url: str, name: str) -> bytes | None:
    """The raw value of a query parameter: percent-decoded, `+` kept, names compared without case. None if absent."""
    # Not urlsplit: it raises for a host that cannot be, and the host is the asker's own word.
    for pair in url.partition("?")[2].partition("#")[0].split("&"):
        key, _, value = pair.partition("=")
        if key.lower() == name.lower():
            return unquote_to_bytes(value)
    return None


def decode_message(value: bytes) -> bytes:
    """The message in a `message` parameter. Both alphabets, line breaks and missing padding are taken.

    Raises MalformedMessage.
    """
    text = value.replace(b"\r", b"").replace(b"\n", b"").replace(b"\t", b"").translate(_TO_STANDARD)
    text = text.rstrip(b"=")
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage("the message parameter is not base64") from None
