"""To which certificate of a device a password is sealed: the newest good one that was issued here, or the one named.

A certificate that was not issued here to that device needs the caller's permission, and is as good as the caller says.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.ca.issuers import Issuers
from shared.errors import MalformedMessage, PolicyViolation, RequestError
from shared.pfx.imported_ports import IssuedCertificates, PasswordSealer
from shared.pfx.imported_request import PFXRequest
from shared.pfx.recipients import MADE_HERE, age
from shared.policy.callers import Caller
from shared.store.ports import CertificateRecord, Status
from shared.x509.certificate import Certificate


@dataclass(frozen=True, slots=True)
class ImportedRecipients:
    """Certificates of every CA of ours count."""

    certificates: IssuedCertificates
    sealer: PasswordSealer
    issuers: Issuers

    def find(self, request: PFXRequest, caller: Caller, now: datetime) -> Certificate:
        """Raises MalformedMessage, AlgorithmRefused, PolicyViolation."""
        if request.certificate:
            return self._named(request, caller, now)
        if request.key:
            return self._with_key(request, now)
        return self._newest(request, now)

    def _named(self, request: PFXRequest, caller: Caller, now: datetime) -> Certificate:
        certificate = read_certificate(request.certificate)
        found = (self.certificates.find(each.id, certificate.serial_hex) for each in self.issuers.known())
        record = next((each for each in found if each is not None), None)
        if record is not None and record.certificate == certificate.der:
            _check_status(record)
            if record.device.lower() != request.device:
                caller.check_pfx("recipient", request.user)
            if record.user.lower() not in ("", request.user):
                raise _refusal("the recipient's certificate is that of another user of the device")
        else:
            caller.check_pfx("recipient", request.user)
        self._check(certificate, now)
        return certificate

    def _with_key(self, request: PFXRequest, now: datetime) -> Certificate:
        """A bare key has no issuer and serial number to point at: it stands for the certificate that has it."""
        for certificate in self._good(request):
            if certificate.spki == request.key:
                self._check(certificate, now)
                return certificate
        reason = f"device {request.device!r:.80} has no good certificate of ours with that key"
        raise PolicyViolation(
            reason,
            public="No good certificate was issued here to that device with that key; send a certificate.",
        )

    def _newest(self, request: PFXRequest, now: datetime) -> Certificate:
        refused = ""
        for certificate in self._good(request):
            try:
                self._check(certificate, now)
            except RequestError as error:
                refused = refused or error.reason
                continue
            return certificate
        why = f": {refused}" if refused else ""
        reason = f"device {request.device!r:.80} has no certificate of ours that can be sealed to{why}"
        raise PolicyViolation(
            reason, public=f"No certificate was issued here to that device that can be used{why}."
        )

    def _good(self, request: PFXRequest) -> Iterator[Certificate]:
        """The device's good certificates, the newest first: of keys that it made itself, and of no other user."""
        claims = sorted(
            self.certificates.owned_by(f"device:{request.device}"),
            key=age,
            reverse=True,
        )
        for claim in claims:
            if claim.vouched_by.startswith(MADE_HERE):
                continue
            record = self.certificates.find(claim.issuer, claim.serial)
            if record is None or record.status is not Status.GOOD or record.certificate is None:
                continue
            if record.user.lower() in ("", request.user):
                yield Certificate.from_slice(record.certificate)

    def _check(self, certificate: Certificate, now: datetime) -> None:
        if now > certificate.not_after:
            raise _refusal(f"the recipient's certificate expired on {certificate.not_after:%Y-%m-%d}")
        if now < certificate.not_before:
            raise _refusal(
                f"the recipient's certificate is not valid before {certificate.not_before:%Y-%m-%d}"
            )
        if certificate.is_ca:
            raise _refusal("the recipient's certificate is one of a CA")
        self.sealer.check(certificate)


def read_certificate(der: bytes) -> Certificate:
    """Raises MalformedMessage."""
    try:
        return Certificate.from_der(der)
    except MalformedMessage as error:
        raise MalformedMessage(
            f"the recipient's certificate cannot be read: {error.reason}",
            public="The recipient's certificate cannot be read.",
        ) from None


def _check_status(record: CertificateRecord) -> None:
    if record.status is not Status.GOOD:
        raise _refusal(f"the recipient's certificate is {record.status.value}")


def _refusal(reason: str) -> PolicyViolation:
    return PolicyViolation(reason, public=f"{reason[0].upper()}{reason[1:]}.")
