"""OCSP requests put together from bytes, each part of which a test may spoil; and a responder."""

from __future__ import annotations

from datetime import timedelta
from functools import lru_cache

from shared.asn1 import oids, writer
from shared.ca import hierarchy
from shared.ca.responder_identity import ResponderIdentity, make_root_identity
from shared.keys import software
from shared.keys.ports import SigningKey
from shared.x509.certificate import Certificate
from shared.x509.extensions import Extension
from shared.x509.names import Name
from shared.x509.ocsp import CertID
from tests.x509.material import NOW

DAY = timedelta(days=1)
SERIAL = 0x27CA01


@lru_cache
def authority() -> tuple[Certificate, SigningKey]:
    """A CA and its key."""
    key = software.generate("p-256")
    name = Name.build([("O", "Scepter"), ("CN", "OCSP Test CA")])
    return hierarchy.self_signed_root(key, name, not_before=NOW - DAY, life=3650 * DAY), key


@lru_cache
def responder() -> ResponderIdentity:
    """Whom it has delegated."""
    return make_root_identity(*authority(), now=NOW, backdate=DAY)


def asked(serial: int = SERIAL, digest: str = "sha1") -> CertID:
    return CertID.of(authority()[0], serial, digest)


def single(cert_id: bytes | None = None, *extensions: Extension) -> bytes:
    """A Request for one certificate."""
    more = writer.context(0, writer.sequence(*(each.encoded for each in extensions))) if extensions else b""
    return writer.sequence(asked().encoded if cert_id is None else cert_id, more)


def nonce(octets: bytes, *, critical: bool = False) -> Extension:
    return Extension(oids.OCSP_NONCE, critical, writer.octet_string(octets))


def request(*singles: bytes, extensions: tuple[Extension, ...] = (), **parts: bytes) -> bytes:
    """An OCSPRequest; `version`, `requestor`, `signature` and `more` are whole elements."""
    held = writer.sequence(*(each.encoded for each in extensions))
    tbs = writer.sequence(
        parts.get("version", b""),
        parts.get("requestor", b""),
        parts.get("list", writer.sequence(*(singles or (single(),)))),
        writer.context(2, held) if extensions else b"",
        parts.get("more", b""),
    )
    return writer.sequence(tbs, parts.get("signature", b""))


def cert_id(
    *,
    algorithm: bytes | None = None,
    name_hash: bytes = bytes(20),
    key_hash: bytes = bytes(20),
    serial: bytes | None = None,
    more: bytes = b"",
) -> bytes:
    """A CertID (DER) of any making."""
    return writer.sequence(
        writer.sequence(writer.oid(oids.SHA1), writer.null()) if algorithm is None else algorithm,
        writer.octet_string(name_hash),
        writer.octet_string(key_hash),
        writer.integer(SERIAL) if serial is None else serial,
        more,
    )


def signed_with(serial: int = SERIAL) -> bytes:
    """A request that names its requestor and is signed, which nobody looks at."""
    requestor = writer.context(1, writer.context(4, Name.build([("CN", "relying party")]).encoded))
    signature = writer.sequence(
        writer.sequence(writer.oid(oids.ECDSA_WITH_SHA256)),
        writer.bit_string(b"not a signature"),
        writer.context(0, writer.sequence(authority()[0].der)),
    )
    return request(single(asked(serial).encoded), requestor=requestor, signature=writer.context(0, signature))
