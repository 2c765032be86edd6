"""Which certificates that were issued here Intune knows to be on their devices (beta: managedDeviceCertificateStates),
and how Microsoft's certificate connectors are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from shared.intune.graph_call import everything
from shared.intune.revocations import serial_of
from shared.intune.setup.draft import CONFIGURATIONS
from shared.intune.setup.reach import PERMISSION, scep_profiles
from shared.intune.wire import Wire
from shared.store.ports import CertificateRecord, Status

log = logging.getLogger("scepter.intune")

_THERE: Final = frozenset(
    {"installed", "enrollmentsucceeded", "enrollmentnotneeded", "renewverified", "renewalrequested"}
)
_LISTED: Final = 100
_NOT_REPORTED: Final = frozenset({"android"})
"""Intune does not report on certificates of Android devices that an organisation owns."""


class Records(Protocol):
    """What was issued."""

    def records(self, issuer: str) -> Iterator[CertificateRecord]:
        """Every record of an issuer. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Absent:
    """A certificate that is not on its device as far as Intune knows; `state` is its word, empty if it has none."""

    serial: str
    profile: str
    device: str
    user: str
    issued_at: datetime
    state: str


@dataclass(frozen=True, slots=True)
class Installations:
    """What one look found. `issued` are the certificates that were looked for."""

    issued: int
    absent: Sequence[Absent]
    connectors: Sequence[Mapping[str, str]] = field(default_factory=tuple)

    def content(self) -> dict[str, Any]:
        """For a note: the longest missing first, a hundred of them."""
        return {
            "issued": self.issued,
            "absent": len(self.absent),
            "list": [
                {
                    "serial": each.serial,
                    "profile": each.profile,
                    "device": each.device,
                    "user": each.user,
                    "issuedAt": each.issued_at.isoformat(),
                    "state": each.state,
                }
                for each in self.absent[:_LISTED]
            ],
            "connectors": list(self.connectors[:_LISTED]),
        }


@dataclass(frozen=True, slots=True)
class InstallationReader:
    """`profiles` maps the profiles of this integration to the platforms they are for, `urls` are their SCEP URLs;
    `patience` is how long a certificate may take to be reported."""

    integration: str
    wire: Wire
    records: Records
    issuers: Iterable[str]
    profiles: Mapping[str, Sequence[str]]
    urls: Sequence[str]
    patience: timedelta
    clock: Callable[[], datetime]

    def look(self) -> Installations:
        """Raises IntuneUnavailable, PermissionMissing, StoreUnavailable."""
        states = self._states()
        expected = list(self._expected())
        absent = [
            Absent(
                each.serial, each.profile, each.device, each.user, each.issued_at, states.get(each.serial, "")
            )
            for each in expected
            if states.get(each.serial, "").lower() not in _THERE
        ]
        absent.sort(key=lambda each: (each.issued_at, each.serial))
        if absent:
            log.warning(
                "integration %s: %d of %d certificates are not on their devices as far as Intune knows",
                self.integration,
                len(absent),
                len(expected),
            )
        return Installations(len(expected), absent, self._connectors())

    def _states(self) -> dict[str, str]:
        """What Intune says of each serial number; where it says two things, the better one."""
        base = self.wire.tenant.graph(CONFIGURATIONS, version="beta")
        found: dict[str, str] = {}
        for _, profile in scep_profiles(everything(self.wire, base, PERMISSION), self.urls):
            kind = str(profile["@odata.type"]).removeprefix("#")
            url = f"{base}/{profile['id']}/{kind}/managedDeviceCertificateStates"
            for each in everything(self.wire, url, PERMISSION):
                serial = serial_of(str(each.get("certificateSerialNumber") or ""))
                state = str(each.get("certificateIssuanceState") or "unknown")
                if serial and found.get(serial, "").lower() not in _THERE:
                    found[serial] = state
        return found

    def _expected(self) -> Iterator[CertificateRecord]:
        """The newest live certificate of each owner under each profile, if it has had time to be reported."""
        now, newest = self.clock(), dict[tuple[str, str], CertificateRecord]()
        for record in (each for issuer in self.issuers for each in self.records.records(issuer)):
            if record.vouched_by != f"intune:{self.integration}" or record.not_after <= now:
                continue
            platforms = self.profiles.get(record.profile)
            if platforms is None or (platforms and set(platforms) <= _NOT_REPORTED):
                continue
            key = (record.owner, record.profile)
            if key not in newest or newest[key].issued_at < record.issued_at:
                newest[key] = record
        yield from (
            each
            for each in newest.values()
            if each.status is Status.GOOD and now - each.issued_at > self.patience
        )

    def _connectors(self) -> list[dict[str, str]]:
        url = self.wire.tenant.graph("deviceManagement/ndesConnectors", version="beta")
        return [
            {
                "name": str(each.get("displayName") or each.get("machineName") or each.get("id")),
                "state": str(each.get("state") or ""),
                "lastConnection": str(each.get("lastConnectionDateTime") or ""),
                "version": str(each.get("connectorVersion") or ""),
            }
            for each in everything(self.wire, url, PERMISSION)
        ]
