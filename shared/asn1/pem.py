"""Textual encoding of DER (RFC 7468)."""

from __future__ import annotations

import base64
import binascii
import re
from io import BytesIO
from typing import Final

from shared.errors import MalformedMessage

_PIECE: Final = 48 * 4096  # octets; 48 make a line of 64 characters
_BEGIN: Final = re.compile(rb"^-----BEGIN [A-Z0-9 ]{1,64}-----", re.MULTILINE)
_BLOCK: Final = re.compile(
    rb"^-----BEGIN (?P<label>[A-Z0-9 ]{1,64})-----[ \t\r]*\n(?P<text>[^-]*)^-----END (?P=label)-----",
    re.MULTILINE,
)


def pem(label: str, der: bytes) -> bytes:
    """`der` between BEGIN and END lines, 64 characters a line."""
    text = BytesIO()  # piece by piece, because a CRL may have a million lines
    text.write(f"-----BEGIN {label}-----\n".encode())
    for start in range(0, len(der), _PIECE):
        piece = base64.b64encode(der[start : start + _PIECE])
        text.writelines(piece[line : line + 64] + b"\n" for line in range(0, len(piece), 64))
    text.write(f"-----END {label}-----\n".encode())
    return text.getvalue()


def is_pem(data: bytes) -> bool:
    """Whether `data` holds a BEGIN line; DER holds one by accident only, and never at a line's start."""
    return _BEGIN.search(data) is not None


def from_pem(data: bytes) -> list[tuple[str, bytes]]:
    """(label, DER) of every block; text around them is explanatory and passed over (RFC 7468 5.2).

    Raises MalformedMessage if there is none, or one that is not closed or not base64.
    """
    return [(label, der) for _, label, der in explained_blocks(data)]


def explained_blocks(data: bytes) -> list[tuple[bytes, str, bytes]]:
    """(explanatory text before it, label, DER) of every block. Raises as `from_pem`."""
    blocks, end = [], 0
    for found in _BLOCK.finditer(data):
        blocks.append((data[end : found.start()], *_block(found)))
        end = found.end()
    if not blocks or len(blocks) != len(_BEGIN.findall(data)):
        raise MalformedMessage("PEM without a block, or with one that does not end")
    return blocks


def _block(found: re.Match[bytes]) -> tuple[str, bytes]:
    label = found["label"].decode("ascii")
    try:
        return label, base64.b64decode(b"".join(found["text"].split()), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedMessage(f"a PEM block {label} that is not base64") from None
