"""Textual encoding of DER (RFC 7468)."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from shared.errors import MalformedMessage

_BEGIN: Final = re.compile(rb"^-----BEGIN [A-Z0-9 ]{1,64}-----", re.MULTILINE)
_BLOCK: Final = re.compile(
    rb"^-----BEGIN (?P<label>[A-Z0-9 ]{1,64})-----[ \t\r]*\n(?P<text>[^-]*)^-----END (?P=label)-----",
    re.MULTILINE,
)


def pem(label: str, der: bytes) -> bytes:
    """`der` between BEGIN and END lines, 64 characters a line."""
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


def is_pem(data: bytes) -> bool:
    """Whether `data` holds a BEGIN line; DER holds one by accident only, and never at a line's start."""
    return _BEGIN.search(data) is not None


def from_pem(data: bytes) -> list[tuple[str, bytes]]:
    """(label, DER) of every block; text around them is explanatory and passed over (RFC 7468 5.2).

    Raises MalformedMessage if there is none, or one that is not closed or not base64.
    """
    blocks = [_block(found) for found in _BLOCK.finditer(data)]
    if not blocks or len(blocks) != len(_BEGIN.findall(data)):
        raise MalformedMessage("PEM without a block, or with one that does not end")
    return blocks


def _block(found: re.Match[bytes]) -> tuple[str, bytes]:
    label = found["label"].decode("ascii")
    try:
        return label, base64.b64decode(b"".join(found["text"].split()), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage(f"a PEM block {label} that is not base64") from None
