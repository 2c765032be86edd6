"""The signature of a webhook: HMAC-SHA256 over id, time and body, as the Standard Webhooks specification has it.

Headers `webhook-id`, `webhook-timestamp` (seconds) and `webhook-signature` (`v1,<base64>`, or several of them).
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from shared.errors import ChallengeRejected

_REFUSED: Final = "The signature was not accepted."
_PREFIX: Final = "whsec_"
_MOST_SIGNATURES: Final = 8


def sign(secret: str, identifier: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b".".join((identifier.encode(), str(timestamp).encode(), body))
    return f"v1,{base64.b64encode(hmac.digest(_key(secret), signed, sha256)).decode()}"


def verify(
    headers: Mapping[str, str], body: bytes, secrets: Sequence[str], *, now: datetime, window: timedelta
) -> None:
    """Returns if one of `secrets` signed the request within `window` of `now`. Raises ChallengeRejected."""
    identifier, sent = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    given = headers.get("webhook-signature", "").split(" ")[:_MOST_SIGNATURES]
    if not identifier or not sent.isascii() or not sent.isdecimal() or len(sent) > 12:
        raise ChallengeRejected("a webhook without webhook-id and webhook-timestamp", public=_REFUSED)
    age = now.timestamp() - int(sent)
    if abs(age) > window.total_seconds():
        raise ChallengeRejected(
            f"a webhook signed {age:.0f} s ago, beyond SCEPTER_WEBHOOK_WINDOW_SECONDS", public=_REFUSED
        )
    expected = [sign(secret, identifier, int(sent), body).encode() for secret in secrets]
    # Every pair is compared: how long it takes says nothing of which was nearest.
    matches = [
        hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other)
        for one in given
        for other in expected
    ]
    if not any(matches):
        raise ChallengeRejected("a webhook whose signature no secret of its source makes", public=_REFUSED)


def _key(secret: str) -> bytes:
    """The octets of a secret: base64 after `whsec_`, else the text itself."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()
