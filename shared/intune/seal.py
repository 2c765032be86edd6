"""Requests in storage: a certification request carries the device's challenge, so it lies there encrypted only.

A failure has to be told together with the request it is about, maybe minutes later and by another worker.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from shared.errors import MalformedMessage


class RequestSeal:
    """The first key seals, all of them open. ValueError for keys that are none."""

    def __init__(self, fernet_keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in fernet_keys])

    def seal(self, request: bytes) -> bytes:
        """`request`, encrypted and authenticated."""
        return urlsafe_b64decode(self._fernet.encrypt(request))  # a column of bytes holds more without base64

    def open(self, sealed: bytes) -> bytes:
        """What was sealed. Raises MalformedMessage if no key opens it."""
        try:
            return self._fernet.decrypt(urlsafe_b64encode(sealed))
        except InvalidToken:
            raise MalformedMessage("a sealed request that no key of SCEPTER_CHALLENGE_KEYS opens") from None

    def __repr__(self) -> str:
        return "RequestSeal()"
