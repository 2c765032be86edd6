"""Something happened to a device or to a user, told by a source. Vendor-neutral: every reader ends here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.policy.events import EventType


@dataclass(frozen=True, slots=True)
class CertificateId:
    """One certificate on record: the id of its issuer, and its serial number as the record has it."""

    issuer: str
    serial: str


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """`id` is the source's own and means this event only. `owners` are the names it gives, as the owners' index has
    them (`device:<id>`, `user:<upn>`), all of one device or all of one user; `occurred_at` is aware, UTC. Where
    `certificate` is given that one is meant and no other, and its owner need not be known."""

    source: str
    id: str
    type: EventType
    occurred_at: datetime
    owners: tuple[str, ...]
    certificate: CertificateId | None = None

    def __post_init__(self) -> None:
        if not self.owners and self.certificate is None:
            raise ValueError("an event of nobody")

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of what it says: the same id with another digest is another event."""
        if self.certificate is not None:
            about = [self.certificate.issuer, self.certificate.serial]
        else:
            about = sorted(self.owners)
        said = [self.source, self.id, self.type.value, self.occurred_at.isoformat(), about]
        return hashlib.sha256(json.dumps(said, ensure_ascii=True).encode()).hexdigest()


def device_owners(ids: Mapping[str, str]) -> tuple[str, ...]:
    """The owners that device ids of any kind name, each once. Kinds share one space: GUIDs and serial numbers of
    different kinds do not meet."""
    return tuple(dict.fromkeys(f"device:{value.lower()}" for value in ids.values() if value))


def user_owners(ids: Mapping[str, str]) -> tuple[str, ...]:
    """The owners that a user's ids name."""
    return tuple(dict.fromkeys(f"user:{value.lower()}" for value in ids.values() if value))
