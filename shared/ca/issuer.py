"""An issuing CA: its certificate, its key behind the linter, its chain and its URLs, proven to belong together."""

from __future__ import annotations

import hashlib
from copy import copy
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
from shared.x509.serial import shard_of

_ISSUING = frozenset({Signable.CERTIFICATE, Signable.CRL, Signable.REQUEST, Signable.ANNOUNCEMENT})
_DELEGATING = frozenset({Signable.RESPONDER})


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

    def shard_crl(self, count: int, number: int) -> str:
        """Shard `number` of `count`."""
        return f"{self.base_url}/crl/{self.issuer}/{count}-{number}.crl"

    @property
    def ca_certificate(self) -> str:
        return f"{self.base_url}/ca/{self.issuer}.cer"

    @property
    def ocsp(self) -> str:
        """One address for all issuers: a request names the one it means."""
        return f"{self.base_url}/ocsp"


@dataclass(frozen=True, slots=True)
class Issuer:
    """`chain` is the CA's own chain, parent first, root last; `ocsp`: certificates say where OCSP is.

    Certificates name the full CRL, or their shard of `shards` where that is not 0. Raises IssuanceFault if the parts
    do not fit.
    """

    certificate: Certificate
    chain: tuple[Certificate, ...]
    raw_key: InitVar[SigningKey]  # not kept: only the linting key around it signs
    base_url: str
    ocsp: bool = True
    key: SigningKey = field(init=False, repr=False)
    algorithm: bytes = field(init=False, repr=False)
    id: str = field(init=False)
    shards: int = field(default=0, init=False)
    _tail: tuple[Extension, ...] = field(init=False, repr=False)
    _delegating_key: SigningKey = field(init=False, repr=False)

    def __post_init__(self, raw_key: SigningKey) -> None:
        if raw_key.public_key() != self.certificate.public_key:
            raise IssuanceFault("the CA key and the CA certificate do not belong together")
        if not self.certificate.is_ca or self.certificate.subject_key_identifier is None:
            raise IssuanceFault("the CA certificate is not a CA's, or has no subject key identifier")
        self._check_chain()
        algorithm = signature_algorithm(raw_key)
        linter = Linter(_ISSUING, algorithm, self.certificate)
        delegating = Linter(_DELEGATING, algorithm, self.certificate)
        object.__setattr__(self, "algorithm", algorithm)
        object.__setattr__(self, "key", linting_key(raw_key, linter))
        object.__setattr__(self, "_delegating_key", linting_key(raw_key, delegating))
        object.__setattr__(self, "id", issuer_id(self.certificate.spki))
        object.__setattr__(self, "_tail", self._issuer_extensions(self.locations.crl))

    @property
    def locations(self) -> Locations:
        return Locations(self.base_url, self.id)

    # Alone, it is a house of issuers (issuers.py) in which there is nothing to choose.

    def issuing(self, profile: str, now: datetime) -> Issuer:
        return self

    def in_charge(self, profile: str, now: datetime) -> Issuer:
        return self

    def find(self, issuer: str) -> Issuer | None:
        return self if issuer == self.id else None

    def is_revoked(self, issuer: str) -> bool:
        return False  # nobody tells it

    def known(self) -> tuple[Issuer, ...]:
        return (self,)

    def sharded(self, count: int) -> Issuer:
        """This issuer, whose certificates name one of `count` shards."""
        other = copy(self)
        object.__setattr__(other, "shards", count)
        return other

    def compose(self, template: CertificateTemplate, serial: str) -> bytes:
        """The TBSCertificate of `template` under this issuer: serial, AKI, CDP and AIA added, life cut to ours.

        Raises IssuanceFault when this CA ends before the certificate would begin.
        """
        return self._compose(template, serial, self._extensions_for(serial))

    def delegate(self, template: CertificateTemplate, serial: str) -> Certificate:
        """The certificate of an OCSP responder of this CA; nowhere else can one be signed. It points nowhere:
        nobody asks for its own status. Raises IssuanceFault, KeyUnavailable."""
        return self._sign(self._compose(template, serial, self._tail[:1]), self._delegating_key)

    def _compose(self, template: CertificateTemplate, serial: str, tail: tuple[Extension, ...]) -> bytes:
        if template.not_before >= self.certificate.not_after:
            raise IssuanceFault("the CA certificate has ended; its successor has to issue")
        bounded = CertificateTemplate(
            subject=template.subject,
            spki=template.spki,
            not_before=template.not_before,
            not_after=self.bound(template.not_after),
            extensions=(*template.extensions, *tail),
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
        return self._sign(tbs, self.key)

    def _sign(self, tbs: bytes, key: SigningKey) -> Certificate:
        certificate = Certificate.from_slice(assemble(tbs, self.algorithm, sign(key, tbs)))
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

    def _extensions_for(self, serial: str) -> tuple[Extension, ...]:
        if not self.shards:
            return self._tail
        number = shard_of(serial, self.shards)
        return self._issuer_extensions(self.locations.shard_crl(self.shards, number))

    def _issuer_extensions(self, crl: str) -> tuple[Extension, ...]:
        places = self.locations
        return (
            authority_key_identifier(self.certificate.subject_key_identifier or b""),
            crl_distribution_points((crl,)),
            authority_information_access((places.ocsp,) if self.ocsp else (), (places.ca_certificate,)),
        )
