"""OCSP responder identities in the CA's folder, one pair of files for each, named by the certificate's serial.

Nobody's name is anybody else's, so two hosts over one folder may add at the same time.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from shared.ca.folder import CAFolder
from shared.ca.responder_identity import ResponderIdentity
from shared.errors import KeyUnavailable, RequestError
from shared.keys.ports import public_key_info

log = logging.getLogger("scepter.ocsp")

ISSUING, ROOT = "ocsp", "root-ocsp"


@dataclass(frozen=True, slots=True)
class ResponderFiles:
    """Those whose files begin with `stem`: ISSUING for the issuing CA's, ROOT for the root's."""

    folder: CAFolder
    stem: str

    def load(self) -> list[ResponderIdentity]:
        """Every identity whose key and certificate are there and belong together; what is broken is in the log."""
        found = []
        for name in self._names():
            try:
                found.append(self._read(name))
            except (KeyUnavailable, RequestError) as error:
                log.warning("OCSP responder %s left out: %s", name, error.reason)
        return found

    def add(self, identity: ResponderIdentity, now: datetime) -> None:
        """Keep `identity`, and delete those that have ended: their keys are of no use any more."""
        self.folder.keep(f"{self.stem}-{identity.certificate.serial_hex}", identity.certificate, identity.key)
        for name in self._names():
            with suppress(KeyUnavailable, RequestError):  # broken, or deleted by another host
                if self.folder.certificate(name).not_after <= now:
                    self.folder.remove(name)

    def _names(self) -> list[str]:
        return sorted(path.stem for path in self.folder.path.glob(f"{self.stem}-*.pem"))

    def _read(self, name: str) -> ResponderIdentity:
        certificate, key = self.folder.certificate(name), self.folder.key(name)
        if public_key_info(key) != certificate.spki:
            raise KeyUnavailable(f"{name}.key is not the key of {name}.pem")
        return ResponderIdentity(certificate, key)
