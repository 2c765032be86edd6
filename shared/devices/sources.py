"""Who may tell of events by webhook: each source with its reader and its secrets, old and new ones side by side."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from shared.devices.document import EventDocument, check_size, parse_document
from shared.devices.jamf import read_jamf
from shared.devices.signature import verify
from shared.errors import ChallengeRejected, PolicyViolation, UnknownCertificate
from shared.policy.events import EventSource

MIN_SECRET_LENGTH: Final = 16
_REFUSED: Final = "The source was not recognised."


@dataclass(frozen=True, slots=True)
class EventSources:
    """`secrets` are those of each source by its name; `window` is how old a signature may be.

    ValueError if a source has no secret or a short one.
    """

    sources: Mapping[str, EventSource]
    secrets: Mapping[str, Sequence[str]] = field(repr=False)
    window: timedelta

    def __post_init__(self) -> None:
        for name in self.sources:
            if not self.secrets.get(name):
                raise ValueError(f"event sources without a secret: {name}")
            if any(len(secret) < MIN_SECRET_LENGTH for secret in self.secrets[name]):
                raise ValueError(f"a secret of {name} is shorter than {MIN_SECRET_LENGTH} characters")

    def read(
        self, name: str, headers: Mapping[str, str], body: bytes, *, now: datetime
    ) -> EventDocument | None:
        """The event in a delivery of source `name`, None for one that says nothing of certificates.

        Raises UnknownCertificate (no such source), ChallengeRejected, MalformedMessage, PolicyViolation (an event
        that this source may not tell of).
        """
        source = self.sources.get(name)
        if source is None:
            raise UnknownCertificate(f"no event source {name!r:.40}", public="No such source of events.")
        check_size(body)
        if source.reader == "jamf":
            _check_password(headers.get("authorization", ""), self.secrets[name])
            document = read_jamf(body, source=name)
        else:
            verify(headers, body, self.secrets[name], now=now, window=self.window)
            document = parse_document(body, source=name)
        if document is not None and document.type not in source.terms.types:
            raise PolicyViolation(
                f"event source {name} may not tell of {document.type.value}",
                public="This source may not tell of such events.",
            )
        return document


def _check_password(authorization: str, secrets: Sequence[str]) -> None:
    """HTTP basic authentication (RFC 7617) with any name, or a bearer token (RFC 6750). Raises ChallengeRejected."""
    scheme, _, credentials = authorization.partition(" ")
    given = credentials.strip()
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(given, validate=True).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            decoded = ""
        given = decoded.partition(":")[2]
    digest = sha256(given.encode("utf-8", "surrogatepass")).digest()
    matches = [hmac.compare_digest(digest, sha256(secret.encode()).digest()) for secret in secrets]
    if not any(matches):
        raise ChallengeRejected("a webhook without a password of its source", public=_REFUSED)
