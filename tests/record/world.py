"""One PKIOperation in memory, and the trace that is left of it."""

from __future__ import annotations

from datetime import UTC, datetime

from shared.record.timeline import TransactionTimeline
from shared.scep.client import Requester, build_request
from shared.store.traces import Trace
from tests.scep.authority import World


def traced(
    world: World,
    request: bytes,
    requester: Requester,
    *,
    profile: str = "device",
    cipher: str = "aes-256-cbc",
    transaction_id: str | None = None,
) -> Trace:
    """The trace of sending `request`, whatever the answer."""
    message, _, _ = build_request(
        request, requester, world.ra.certificate, cipher=cipher, transaction_id=transaction_id
    )
    timeline = TransactionTimeline(datetime.now(UTC), profile=profile, source="198.51.100.7", agent="test")
    world.service.pki_operation(message, world.profile(profile), now=world.now, timeline=timeline)
    trace = timeline.finish()
    assert trace is not None
    return trace
