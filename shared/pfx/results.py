"""Telling a caller how its order ended: on a queue of its own, or by a signed call. Results carry no secrets."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from shared.pfx.order import ResultTarget
from shared.policy.refusal import quoted, refusal
from shared.store.orders import OrderEntry, OrderState
from shared.store.ports import Queue


class Destinations(Protocol):
    """Who says whether results may be sent to a URL."""

    def check(self, url: str, caller: str) -> None:
        """Raises PolicyViolation unless results of the caller may go there."""


@dataclass(frozen=True, slots=True)
class Results:
    """`queue` opens one of the `allowed` queues by name; `callbacks` is the queue that calls are made from."""

    allowed: Collection[str]
    queue: Callable[[str], Queue]
    callbacks: Queue
    urls: Destinations

    def check(self, target: ResultTarget | None, caller: str) -> None:
        """Raises PolicyViolation unless results may go there."""
        if target is None:
            return
        if target.callback is not None:
            self.urls.check(target.callback, caller)
        elif target.queue not in self.allowed:
            raise refusal(f"result.queue: {quoted(target.queue or '')} is not among SCEPTER_RESULT_QUEUES")

    def tell(self, target: ResultTarget | None, entry: OrderEntry) -> None:
        """Send the result on its way; the same one again when a message is handled twice. Raises StoreUnavailable,
        PolicyViolation."""
        if target is None:
            return
        self.check(target, entry.caller)
        body = result_of(entry)
        if target.queue is not None:
            self.queue(target.queue).send(body)
            return
        message = {
            "version": 1,
            "id": f"{entry.delivery or entry.id}.{entry.state.value}",
            "caller": entry.caller,
        }
        self.callbacks.send(message | {"url": target.callback, "body": body})


def result_of(entry: OrderEntry) -> dict[str, object]:
    """How an order stands, in JSON. `delivery` is a path of the function app; its key is told to the caller only."""
    told = {
        "version": 1,
        "id": entry.id,
        "kind": entry.kind,
        "caller": entry.caller,
        "profile": entry.profile,
        "state": entry.state.value,
        "serial": entry.serial,
        "delivery": delivery_path(entry.delivery) if entry.state is OrderState.DELIVERED else "",
        "reason": entry.note,
    }
    return {name: value for name, value in told.items() if value}


def delivery_path(identifier: str) -> str:
    """Where a delivery is fetched."""
    return f"/deliveries/{identifier}"
