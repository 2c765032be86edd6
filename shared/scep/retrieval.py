"""GetCert and GetCRL (RFC 8894 3.3.4, 3.3.5): a certificate for who it belongs to, a CRL for anybody.

Both name a certificate by issuer and serial number. Serial numbers of ours are random, and still the answer does not
tell a stranger whether there is such a certificate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.asn1.reader import read
from shared.ca.issuer import issuer_id
from shared.ca.issuers import KnownCAs
from shared.cms.identifiers import CertificateReference
from shared.errors import MalformedMessage, StoreUnavailable, UnknownCertificate
from shared.scep.exchange import Exchange
from shared.scep.ports import CRLReader
from shared.scep.renewal import Renewals
from shared.store.ports import CertificateRecord, CertificateStore
from shared.x509.certificate import Certificate
from shared.x509.names import Name
from shared.x509.serial import serial_text


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Serves what is on record and what is published under our CAs."""

    issuers: KnownCAs
    store: CertificateStore
    renewals: Renewals
    crls: CRLReader

    def certificate(self, exchange: Exchange) -> bytes:
        """The certificate (DER) that a GetCert names, if its asker may have it. Raises UnknownCertificate."""
        issuer, serial = exchange.open(_parse)
        named = (each for each in self.issuers.known() if issuer.same_as(each.certificate.subject))
        found = (self.store.find(each.id, serial) for each in named)
        record = next((each for each in found if each is not None), None)
        if record is None or record.certificate is None or not self._may_have(exchange, record):
            raise UnknownCertificate(f"GetCert: serial {serial} is not on record for this signer")
        exchange.timeline.note("serial", record.serial)
        return record.certificate

    def crl(self, exchange: Exchange) -> bytes:
        """The published CRL (DER) of the CA that a GetCRL names. Raises UnknownCertificate, StoreUnavailable."""
        wanted, _ = exchange.open(_parse)
        for certificate in self._authorities():
            if wanted.same_as(certificate.subject):
                crl = self.crls.read(issuer_id(certificate.spki))
                if crl is None:
                    raise StoreUnavailable(f"GetCRL: {certificate.subject.text()} has published none yet")
                return crl
        raise UnknownCertificate(f"GetCRL: no CA of ours is called {wanted.text()}")

    def _authorities(self) -> Iterator[Certificate]:
        for each in self.issuers.known():
            yield from (each.certificate, *each.chain)

    def _may_have(self, exchange: Exchange, record: CertificateRecord) -> bool:
        """Whoever signs with its key, or with a live certificate of the same owner."""
        if exchange.signer.key_hash == record.key_hash:
            return True
        own = self.renewals.find_live(exchange.signer, exchange.now)
        return own is not None and own.owner == record.owner


def _parse(content: bytes) -> tuple[Name, str]:
    """IssuerAndSerialNumber. Raises MalformedMessage, also for a serial number that cannot be."""
    reference = CertificateReference.parse(read(content))
    if not reference.issuer or not 0 < reference.serial < 1 << 160:
        raise MalformedMessage("not an issuer and serial number")
    return Name.from_der(reference.issuer), serial_text(reference.serial)
