"""CRLs as blobs: DER by compare-and-swap, which is the truth, and a copy in PEM, never that of an older one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from shared.asn1.pem import pem
from shared.errors import Conflict
from shared.store.ports import PublicationStatus, PublicationStore, PublishedObject

MAX_AGE = 300  # seconds: a cache must not hide a revocation for long
_TRIES = 5


@dataclass(frozen=True, slots=True)
class CRLBlobs:
    """The CRLs among the publications."""

    publications: PublicationStore

    def put(
        self,
        name: str,
        der: bytes,
        metadata: Mapping[str, str],
        replaces: PublishedObject | PublicationStatus | None,
    ) -> None:
        """The CRL in place of what was read, then its copy. Raises Conflict if something else stands there."""
        self.publications.put(
            name,
            der,
            content_type="application/pkix-crl",
            max_age=MAX_AGE,
            metadata=metadata,
            replaces=replaces,
        )
        self._put_pem(name, der, metadata)

    def mend_pem(self, name: str, number: int) -> None:
        """Whoever published CRL `number` may have been cut off before its copy. One call if it was not."""
        if self._standing_pem(name)[1] >= number:
            return
        found = self.publications.read(name)
        if found is not None:
            self._put_pem(name, found.data, {"number": str(number), **found.metadata})

    def _standing_pem(self, name: str) -> tuple[PublicationStatus | None, int]:
        stands = self.publications.stat(f"{name}.pem")
        return stands, int(stands.metadata.get("number", "0")) if stands else 0

    def _put_pem(self, name: str, der: bytes, metadata: Mapping[str, str]) -> None:
        """FreeRADIUS and others want PEM."""
        number = int(metadata["number"])
        for _ in range(_TRIES):
            stands, copied = self._standing_pem(name)
            if copied >= number:
                return
            try:
                self.publications.put(
                    f"{name}.pem",
                    pem("X509 CRL", der),
                    content_type="application/x-pem-file",
                    max_age=MAX_AGE,
                    metadata=metadata,
                    replaces=stands,
                )
            except Conflict:
                continue
            return
        raise Conflict("other publishers keep winning")
