"""Textual encoding of DER (RFC 7468)."""

from __future__ import annotations

import base64


def pem(label: str, der: bytes) -> bytes:
    """`der` between BEGIN and END lines, 64 characters a line."""
    text = base64.b64encode(der).decode()
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()
