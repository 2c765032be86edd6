"""What a client asks for, from texts: the request for a subject and names, and the self-signed certificate that
signs a first message (RFC 8894 2.3)."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1 import oids, writer
from shared.errors import RequestError
from shared.keys.ports import public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.policy.alternative_names import san_from_text
from shared.scep.client import Requester
from shared.x509.certificate import Certificate, CertificateTemplate, assemble, compose_tbs
from shared.x509.extensions import key_usage, subject_alternative_name
from shared.x509.general_names import GeneralName
from shared.x509.names import Name

_DAY: Final = timedelta(days=1)
_PRINTABLE: Final = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")


@dataclass(frozen=True, slots=True)
class Applicant:
    """Whom a certificate is for."""

    subject: Name
    sans: tuple[GeneralName, ...]

    @classmethod
    def of(cls, subject: str, sans: Sequence[str] = ()) -> Applicant:
        """From RFC 4514 text, and `dns:host`, `email:a@b`, `upn:a@b`, `uri:...`, `ip:...`. Raises RequestError."""
        try:
            return cls(Name.from_text(subject), tuple(map(san_from_text, sans)))
        except RequestError as error:
            raise RequestError(f"{error.reason} (a subject is written as CN=laptop-1,O=Example)") from None

    def request(
        self, key: rsa.RSAPrivateKey, *, challenge: str | None = None, digest: str = "sha256"
    ) -> bytes:
        """A PKCS #10 request (DER, RFC 2986 4) with the names and a challengePassword (RFC 2985 5.4.1)."""
        attributes = []
        if challenge is not None:
            attributes.append((oids.CHALLENGE_PASSWORD, _text(challenge)))
        if self.sans:
            names = subject_alternative_name(self.sans, critical=not self.subject.rdns)
            attributes.append((oids.EXTENSION_REQUEST, writer.sequence(names.encoded)))
        encoded = sorted(
            writer.sequence(writer.oid(oid), writer.set_of([value])) for oid, value in attributes
        )
        info = writer.sequence(
            writer.integer(0),
            self.subject.encoded,
            public_key_info(key),
            writer.context(0, b"".join(encoded)),
        )
        return assemble(info, signature_algorithm(key, digest), sign(key, info, digest))

    def self_signed(self, key: rsa.RSAPrivateKey, *, now: datetime, digest: str = "sha256") -> Requester:
        """Who signs the first message: a certificate of the subject by itself, for a day around `now`."""
        algorithm = signature_algorithm(key, digest)
        template = CertificateTemplate(
            subject=self.subject,
            spki=public_key_info(key),
            not_before=now - _DAY,
            not_after=now + _DAY,
            extensions=(key_usage(("digitalSignature", "keyEncipherment")),),
        )
        serial = int.from_bytes(secrets.token_bytes(8), "big") | 1
        tbs = compose_tbs(template, serial=serial, issuer=self.subject, signature_algorithm=algorithm)
        return Requester(Certificate.from_der(assemble(tbs, algorithm, sign(key, tbs, digest))), key)


def _text(challenge: str) -> bytes:
    """A DirectoryString; PrintableString where that will do, for old readers know no other."""
    if _PRINTABLE.fullmatch(challenge):
        return writer.printable_string(challenge)
    return writer.utf8_string(challenge)
