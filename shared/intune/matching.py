"""Which certificate on record an item of Intune's revocation queue means, however its serial number is spelt."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from shared.intune.revocations import RevocationRequest, serial_of
from shared.store.ports import CertificateRecord
from shared.x509.serial import is_ours

log = logging.getLogger("scepter.intune")

_ISSUER_ID_DIGITS: Final = 16


class Records(Protocol):
    """One point read."""

    def find(self, issuer: str, serial: str) -> CertificateRecord | None:
        """None if there is no such certificate. Raises StoreUnavailable."""


@dataclass(frozen=True, slots=True)
class Matching:
    """`issuers` are ours, by id, with the name that Intune was told; `others` are the integrations that exist besides
    the one that asks."""

    records: Records
    issuers: Mapping[str, str]
    others: frozenset[str]

    def find(self, request: RevocationRequest) -> CertificateRecord | None:
        """The certificate that is meant, if it is on record and Intune's to decide on. Raises StoreUnavailable."""
        serial = serial_of(request.serial)
        if not serial:
            return None
        for issuer in self._candidates(request, serial):
            record = self.records.find(issuer, serial)
            if record is not None:
                return record if self._is_theirs(record) else None
        return None

    def key(self, request: RevocationRequest) -> tuple[str, ...]:
        """The same for requests that mean one certificate."""
        serial = serial_of(request.serial)
        return (serial,) if is_ours(serial) else (serial, request.configuration, _plain(request.issuer))

    def _candidates(self, request: RevocationRequest, serial: str) -> list[str]:
        """Issuers that may have it. `configuration` is the id of the issuer, where it comes back as it was told. A
        serial of our own making is one certificate's whatever the issuer is called; others have to agree in that."""
        told = request.configuration
        is_id = len(told) == _ISSUER_ID_DIGITS and set(told) <= set("0123456789abcdef")
        named = [key for key, name in self.issuers.items() if _plain(name) == _plain(request.issuer)]
        ours = list(self.issuers) if is_ours(serial) or not request.issuer else []
        return list(dict.fromkeys([*([told] if is_id else []), *named, *ours]))

    def _is_theirs(self, record: CertificateRecord) -> bool:
        """What another tenant, or somebody else altogether, has vouched for is not this tenant's to revoke."""
        word, _, integration = record.vouched_by.partition(":")
        theirs = word == "intune" and integration not in self.others
        if not theirs:
            log.error("Intune asks to revoke %s, which %s vouched for", record.serial, record.vouched_by)
        return theirs


def _plain(name: str) -> str:
    """A name as it is compared: what differs in blanks and case only is the same."""
    return "".join(name.split()).casefold()
