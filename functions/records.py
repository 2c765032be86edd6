"""A certificate record as JSON, for the management API."""

from __future__ import annotations

import base64

from shared.store.ports import CertificateRecord


def as_json(record: CertificateRecord, *, with_certificate: bool = False) -> dict[str, object]:
    """Plain values; times in ISO 8601, the certificate as base64 DER when asked for."""
    revocation = record.revocation
    body: dict[str, object] = {
        "serial": record.serial,
        "issuer": record.issuer,
        "status": record.status.value,
        "subject": record.subject,
        "sans": list(record.sans),
        "profile": record.profile,
        "device": record.device,
        "user": record.user,
        "vouchedBy": record.vouched_by,
        "predecessor": record.predecessor,
        "notBefore": record.not_before.isoformat(),
        "notAfter": record.not_after.isoformat(),
        "issuedAt": record.issued_at.isoformat(),
        "revocation": revocation
        and {
            "reason": revocation.reason,
            "at": revocation.at.isoformat(),
            "by": revocation.by,
            "note": revocation.note,
        },
    }
    if with_certificate and record.certificate is not None:
        body["certificate"] = base64.b64encode(record.certificate).decode()
    return body
