"""The three states of a certificate and all nine ways between two of them (RFC 5280 5.3.1, RFC 6960 2.2)."""

from __future__ import annotations

import pytest

from shared.errors import PolicyViolation
from shared.store.ports import CertificateRecord, Status
from tests.revocation.authority import MINUTE, Authority

REVOKED_AGAIN = "superseded"


def bring_to(ca: Authority, record: CertificateRecord, state: Status, reason: str) -> CertificateRecord:
    if state is Status.GOOD:
        return ca.lift(record)
    return ca.revoke(record, "certificateHold" if state is Status.HELD else reason)


@pytest.mark.parametrize("after", Status)
@pytest.mark.parametrize("before", Status)
def test_every_pair_of_states(before: Status, after: Status) -> None:
    ca = Authority()
    record = ca.issue()
    if before is not Status.GOOD:
        bring_to(ca, record, before, "keyCompromise")
    first = ca.store.find(record.issuer, record.serial)
    assert first is not None
    changes = list(ca.store.changes(ca.issuer.id, ca.now - MINUTE))
    ca.now += MINUTE
    if (before, after) == (Status.REVOKED, Status.GOOD):
        with pytest.raises(PolicyViolation, match="final"):
            bring_to(ca, record, after, REVOKED_AGAIN)
        return
    now = bring_to(ca, record, after, REVOKED_AGAIN)
    if before in (after, Status.REVOKED):
        assert now == first, "revoked is final, and the same state again changes nothing"
        assert list(ca.store.changes(ca.issuer.id, ca.now - MINUTE)) == changes
        return
    assert now.status is after
    assert now.revocation is None or now.revocation.at == ca.now
    assert now.revocation is None or now.revocation.reason in ("certificateHold", REVOKED_AGAIN)
    (change,) = ca.store.changes(ca.issuer.id, ca.now - MINUTE)
    assert (change.changed_at, change.revocation) == (ca.now, now.revocation)
