"""TBSCertificates put together from parts, each of which a test may spoil."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from shared.asn1 import oids, writer
from shared.ca import hierarchy
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.keys.signatures import signature_algorithm
from shared.x509.certificate import Certificate
from shared.x509.extensions import (
    Extension,
    authority_key_identifier,
    basic_constraints,
    extended_key_usage,
    key_usage,
    subject_key_identifier,
)
from shared.x509.names import Name
from tests.scep.authority import DAY, NOW

CA_NAME = Name.build([("O", "Example"), ("CN", "Lint CA")])
SUBJECT = Name.build([("CN", "dev1")])


@lru_cache
def keys(name: str, algorithm: str = "p-256") -> SigningKey:
    """One key for each name of a run."""
    return software.generate(algorithm)


@lru_cache
def ca_certificate() -> Certificate:
    """The certificate of the key `keys("ca")`."""
    return hierarchy.self_signed_root(keys("ca"), CA_NAME, not_before=NOW - DAY, life=3650 * DAY)


@dataclass(frozen=True)
class Draft:
    """What a certificate would say. `extensions` are by identifier, None for one that is left out."""

    serial: int
    algorithm: bytes
    issuer: bytes
    not_before: datetime
    not_after: datetime
    subject: bytes
    spki: bytes
    extensions: dict[str, Extension | None]
    version: bytes = writer.context(0, writer.integer(2))

    def but(self, **changes: Any) -> Draft:
        """This draft with other fields; `extensions` are merged."""
        merged = {**self.extensions, **changes.pop("extensions", {})}
        return replace(self, extensions=merged, **changes)

    def for_key(self, spki: bytes) -> Draft:
        """This draft for another key."""
        return self.but(spki=spki, extensions={oids.SUBJECT_KEY_IDENTIFIER: subject_key_identifier(spki)})

    def tbs(self) -> bytes:
        """The TBSCertificate (DER)."""
        kept = [extension.encoded for extension in self.extensions.values() if extension]
        return writer.sequence(
            self.version,
            writer.integer(self.serial),
            self.algorithm,
            self.issuer,
            writer.sequence(writer.time(self.not_before), writer.time(self.not_after)),
            self.subject,
            self.spki,
            writer.context(3, writer.sequence(*kept)) if kept else b"",
        )


def good_draft(*, ca: bool = False) -> Draft:
    """A certificate that `ca_certificate()` may sign as it is."""
    issuer, spki = ca_certificate(), public_key_info(keys("device"))
    usages = ("digitalSignature", "keyCertSign", "cRLSign") if ca else ("digitalSignature",)
    extensions = [
        basic_constraints(ca),
        key_usage(usages),
        subject_key_identifier(spki),
        authority_key_identifier(issuer.subject_key_identifier or b""),
        extended_key_usage([oids.EKU_CLIENT_AUTH]),
    ]
    return Draft(
        serial=0x25AA,
        algorithm=signature_algorithm(keys("ca")),
        issuer=CA_NAME.encoded,
        not_before=NOW,
        not_after=NOW + 365 * DAY,
        subject=SUBJECT.encoded,
        spki=spki,
        extensions={extension.oid: extension for extension in extensions[: 4 if ca else 5]},
    )
