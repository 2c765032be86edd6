"""The administrator's side of approval: which requests wait, yes or no to one of them, and the end of old ones."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from shared.ca.ports import IssuingAuthority
from shared.errors import Conflict, UnknownCertificate
from shared.scep.approval import order_of
from shared.store.pending import PendingRequest, PendingRequests, Verdict
from shared.x509.names import Name

log = logging.getLogger("scepter.scep")

_TRIES = 4


@dataclass(frozen=True, slots=True)
class Decisions:
    """Over the same requests as `Approvals`. `authorities` gives the CA of a profile by its name."""

    requests: PendingRequests
    authorities: Callable[[str], IssuingAuthority]

    def all(self, now: datetime) -> Iterator[PendingRequest]:
        """Every request that is on record and not over."""
        return (request for request in self.requests.all() if now < request.ends_at)

    def decide(self, identifier: str, verdict: Verdict) -> PendingRequest:
        """Approve or deny; returns the request as it is now. A decision that stands already stays as it is.

        Another one replaces it as long as the request is on record. Raises UnknownCertificate (no such request),
        Conflict, StoreUnavailable.
        """
        for _ in range(_TRIES):
            request = self.requests.find(identifier)
            if request is None or verdict.at >= request.ends_at:
                raise UnknownCertificate("no such pending request", public="No such request is waiting.")
            if request.verdict and request.verdict.decision is verdict.decision:
                return request
            try:
                decided = self.requests.decide(request, verdict)
            except Conflict:
                continue  # somebody else decided: look again
            log.warning("request %s %s by %s", decided.id, decided.state, verdict.by)
            return decided
        raise Conflict("decide: others keep deciding on the same request")

    def serial(self, request: PendingRequest) -> str:
        """The serial of what the request was issued, empty if nothing was: a denial is too late then."""
        if request.verdict is None:
            return ""
        authority = self.authorities(request.profile)
        claim = authority.find_claim(order_of(request), Name.from_der(request.subject))
        return claim.serial if claim is not None else ""

    def purge(self, now: datetime) -> int:
        """Forget what is over; returns how many."""
        over = [request for request in self.requests.all() if now >= request.ends_at]
        for request in over:
            self.requests.forget(request)
        if over:
            log.info("%d requests for approval are over", len(over))
        return len(over)
