"""An issuing CA: its certificate, its key behind the linter, its chain and its URLs, proven to belong together."""

from __future__ import annotations

import hashlib
from dataclasses import InitVar, dataclass, field
from datetime import datetime

from shared.ca.lint import Linter, Signable
from shared.ca.signing import linting_key
from shared.errors import IssuanceFault, RequestError
from shared.keys.ports import SigningKey
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.certificate import (
    Certificate,
    CertificateTemplate,
    assemble,
    compose_tbs,
    verify_signature,
)
from shared.x509.extensions import (
    Extension,
    authority_information_access,
    authority_key_identifier,
    crl_distribution_points,
)

_ISSUING = frozenset({Signable.CERTIFICATE, Signable.CRL, Signable.REQUEST, Signable.ANNOUNCEMENT})


def issuer_id(spki: bytes) -> str:
    """The id of a CA in keys and URLs: 16 hexadecimal digits of SHA-256 over its SubjectPublicKeyInfo."""
    return hashlib.sha256(spki).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Locations:
    """Where relying parties find an issuer's things, all below the public base URL (RFC 5280 4.2.1.13, 4.2.2.1)."""

    base_url: str
    issuer: str

    @property
    def crl(self) -> str:
        return f"{self.base_url}/crl/{self.issuer}.crl"

    @property
    def ca_certificate(self) -> str:
        return f"{self.base_url}/ca/{self.issuer}.cer"


@dataclass(frozen=True, slots=True)
class Issuer:
    """`chain` is the CA's own chain, parent first, root last. Raises IssuanceFault if the parts do not fit."""

    certificate: Certificate
    chain: tuple[Certificate, ...]
    raw_key: InitVar[SigningKey]  # not kept: only the linting key around it signs
    base_url: str
    key: SigningKey = field(init=False, repr=False)
    algorithm: bytes = field(init=False, repr=False)
    id: str = field(init=False)
    _tail: tuple[Extension, ...] = field(init=False, repr=False)

    def __post_init__(self, raw_key: SigningKey) -> None:
        if raw_key.public_key() != self.certificate.public_key:
            raise IssuanceFault("the CA key and the CA certificate do not belong together")
        if not self.certificate.is_ca or self.certificate.subject_key_identifier is None:
            raise IssuanceFault("the CA certificate is not a CA's, or has no subject key identifier")
        self._check_chain()
        algorithm = signature_algorithm(raw_key)
        linter = Linter(_ISSUING, algorithm, self.certificate)
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "key", linting_key(raw_key, linter))
        object.__setattr__(self, "id", issuer_id(self.certificate.spki))
        object.__setattr__(self, "_tail", self._issuer_extensions())

    @property
    def locations(self) -> Locations:
        return Locations(self.base_url, self.id)

    def compose(self, template: CertificateTemplate, serial: str) -> bytes:
        """The TBSCertificate of `template` under this issuer: serial, AKI, CDP and AIA added, life cut to ours.

        Raises IssuanceFault when this CA ends before the certificate would begin.
        """
        if template.not_before >= self.certificate.not_after:
            raise IssuanceFault("the CA certificate has ended; its successor has to issue")
        bounded = CertificateTemplate(
            subject=template.subject,
            spki=template.spki,
            not_before=template.not_before,
            not_after=self.bound(template.not_after),
            extensions=(*template.extensions, *self._tail),
        )
        return compose_tbs(
            bounded,
            serial=int(serial, 16),
            issuer=self.certificate.subject,
            signature_algorithm=self.algorithm,
        )

    def bound(self, not_after: datetime) -> datetime:
        """`not_after`, or the end of this CA if that is sooner: nothing outlives its issuer."""
        return min(not_after, self.certificate.not_after)

    def sign(self, tbs: bytes) -> Certificate:
        """The certificate over exactly `tbs`; parsed back, compared, verified. Raises IssuanceFault, KeyUnavailable."""
        certificate = Certificate.from_slice(assemble(tbs, self.algorithm, sign(self.key, tbs)))
        if certificate.tbs != tbs:
            raise IssuanceFault("the signed certificate does not read back as it was composed")
        try:
            verify_signature(certificate, self.certificate.public_key)
        except RequestError as error:
            raise IssuanceFault("the CA key made a signature that does not hold") from error
        return certificate

    def _check_chain(self) -> None:
        parents = (*self.chain, self.chain[-1] if self.chain else self.certificate)  # a root certifies itself
        for child, parent in zip((self.certificate, *self.chain), parents, strict=True):
            try:
                verify_signature(child, parent.public_key, allow_legacy=True)  # old roots sign with SHA-1
            except RequestError as error:
                raise IssuanceFault(f"the chain breaks at {child.subject.text()}: {error.reason}") from error
            if child.issuer.encoded != parent.subject.encoded or not parent.is_ca:
                raise IssuanceFault(f"the chain breaks at {child.subject.text()}: its issuer is another")

    def _issuer_extensions(self) -> tuple[Extension, ...]:
        return (
            authority_key_identifier(self.certificate.subject_key_identifier or b""),
            crl_distribution_points((self.locations.crl,)),
            authority_information_access((), (self.locations.ca_certificate,)),
        )
