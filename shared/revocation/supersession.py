"""Revoking what was renewed, once its grace has passed: only if the successor lives (RFC 5280 reason superseded)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from shared.errors import UnknownCertificate
from shared.revocation.service import RevocationService
from shared.store.ports import CertificateStore, Status, Supersession, SupersessionStore

log = logging.getLogger("scepter.revocation")


@dataclass(frozen=True, slots=True)
class Superseder:
    """Works through the supersessions that are due; safe to run twice at once and to be cut off anywhere."""

    waiting: SupersessionStore
    records: CertificateStore
    revocations: RevocationService
    clock: Callable[[], datetime]

    def run(self) -> int:
        """Revoke what is due; returns how many certificates were revoked."""
        return sum(self._settle(supersession) for supersession in self.waiting.due(self.clock().date()))

    def _settle(self, supersession: Supersession) -> bool:
        revoke = self._successor_lives(supersession)
        if revoke:
            try:
                self.revocations.revoke(
                    supersession.issuer,
                    supersession.serial,
                    "superseded",
                    by="renewal",
                    note=f"successor {supersession.successor}",
                )
            except UnknownCertificate:
                log.warning("superseded certificate %s is not on record", supersession.serial)
        self.waiting.forget(supersession)
        return revoke

    def _successor_lives(self, supersession: Supersession) -> bool:
        successor = self.records.find(supersession.successor_issuer, supersession.successor)
        return successor is not None and successor.status is Status.GOOD
