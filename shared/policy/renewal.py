"""What a renewal on the strength of a certificate must keep: its names."""

from __future__ import annotations

from shared.policy.refusal import refusal
from shared.x509.certificate import Certificate
from shared.x509.general_names import same_names
from shared.x509.request import CertificateRequest


def check_same_names(request: CertificateRequest, certificate: Certificate) -> None:
    """Raises PolicyViolation unless subject and SANs are, by meaning, those of the renewed certificate."""
    if not request.subject.same_as(certificate.subject):
        detail = f"{request.subject.text()}, not {certificate.subject.text()}"
        raise refusal("The subject is not that of the certificate being renewed", detail)
    if not same_names(request.sans, certificate.sans):
        detail = f"{[name.text() for name in request.sans]}, not {[name.text() for name in certificate.sans]}"
        raise refusal("The SANs are not those of the certificate being renewed", detail)
