"""What a vault says, and how it says no: JSON as Key Vault's REST API has it."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Answer:
    """One response."""

    status: int
    body: Mapping[str, Any] | bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """The vault says no; `inner` is the code of the inner error."""

    def __init__(
        self, status: int, code: str, message: str, inner: str = "", headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        error: dict[str, Any] = {"code": code, "message": message}
        if inner:
            error["innererror"] = {"code": inner}
        self.answer = Answer(status, {"error": error}, headers or {})


def bad(message: str) -> Refusal:
    return Refusal(400, "BadParameter", message)


def encode(octets: bytes) -> str:
    """base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def decode(text: object) -> bytes:
    """What `encode` made. Raises Refusal."""
    if not isinstance(text, str) or "=" in text:
        raise bad("Property  has invalid value")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except binascii.Error:
        raise bad("Property  has invalid value") from None


def integer(number: int) -> str:
    """An integer of a JSON Web Key: as many octets as it needs (RFC 7518 6.3.1.1)."""
    return encode(number.to_bytes((number.bit_length() + 7) // 8, "big"))
