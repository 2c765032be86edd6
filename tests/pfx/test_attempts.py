"""Cut off anywhere, repeated, run twice at once: one good certificate for each order, none that was not delivered."""

from __future__ import annotations

import json
import threading
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from shared.errors import Conflict, IssuanceFault, PolicyViolation, StoreUnavailable
from shared.pfx.attempts import MOST_ATTEMPTS
from shared.pfx.issue import PKCSIssuance
from shared.pfx.recipients import Recipients
from shared.store.orders import OrderState
from shared.store.ports import Status
from tests.ca.stores import Crash
from tests.pfx.world import PKCSWorld, mail, parse

# Every call that changes something, in the order of the steps.
STEPS = (
    "orders.begin",
    "records.claim",
    "store.put",
    "records.link",
    "records.commit",
    "orders.conclude",
    "queue.send",
)
RESULT = {"queue": "results"}


class Watched:
    """What stands for a store: runs something before or after the calls it names."""

    def __init__(self, inner: Any, name: str, before: dict[str, Any], after: dict[str, Any]) -> None:
        self.inner, self.name, self.before, self.after = inner, name, before, after

    def __getattr__(self, name: str) -> Any:
        original = getattr(self.inner, name)
        step = f"{self.name}.{name}"
        if step not in self.before and step not in self.after:
            return original

        def call(*arguments: Any, **named: Any) -> Any:
            self.before.get(step, _nothing)()
            result = original(*arguments, **named)
            self.after.get(step, _nothing)()
            return result

        return call


def _nothing() -> None: ...


def worker(
    world: PKCSWorld, *, before: dict[str, Callable[[], object]] | None = None, after: Any = None
) -> PKCSIssuance:
    """A worker to whom something happens around the calls that are named."""
    happens = (before or {}, after or {})
    made = world.worker(
        Watched(world.scep.store, "records", *happens), Watched(world.store, "store", *happens)
    )
    queue: Any = Watched(world.queue, "queue", *happens)
    orders: Any = Watched(world.orders, "orders", *happens)
    return replace(made, orders=orders, results=replace(made.results, queue=lambda _: queue))


def die() -> None:
    raise Crash


def away() -> None:
    raise StoreUnavailable("away")


def serve(pkcs: PKCSIssuance, world: PKCSWorld, **changes: Any) -> Any:
    return pkcs.serve(parse(mail(result=RESULT, **changes)), world.caller())


def assert_whole(world: PKCSWorld, orders: int = 1) -> None:
    """One good certificate for each order; each lies in its delivery, which is on record; each was told of."""
    good = [record for record in world.records() if record.status is Status.GOOD]
    delivered = {delivery.serial: delivery for delivery in world.store.blobs.values() if not delivery.over}
    assert len(good) == orders
    assert {record.serial for record in good} == set(delivered)
    for entry in world.orders.entries("pkcs"):
        assert entry.state is OrderState.DELIVERED
        assert world.open(entry).certificate.serial_hex == entry.serial
    assert {told["state"] for told, _ in world.queue.sent} == {"delivered"}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_dies_at_any_step_is_finished_by_the_next(
    world: PKCSWorld, moment: str, step: str
) -> None:
    with pytest.raises(Crash):
        serve(worker(world, **{moment: {step: die}}), world)  # type: ignore[arg-type]
    entry = serve(world.pkcs, world)
    assert_whole(world)
    assert serve(world.pkcs, world) == entry
    assert_whole(world)


def test_a_key_that_died_with_its_worker_is_not_certified_again(world: PKCSWorld) -> None:
    with pytest.raises(Crash):
        serve(worker(world, after={"records.claim": die}), world)
    (lost,) = world.claims()
    entry = serve(world.pkcs, world)
    first, second = sorted(world.claims(), key=lambda claim: str(claim.identity))
    assert (first, second.serial) == (lost, entry.serial)
    assert first.serial != second.serial
    assert first.key_hash != second.key_hash
    assert world.scep.store.find(first.issuer, first.serial) is None


def test_a_delivery_that_was_not_recorded_is_recorded_and_not_made_again(world: PKCSWorld) -> None:
    with pytest.raises(Crash):
        serve(worker(world, after={"store.put": die}), world)
    assert world.records() == []
    (delivery,) = world.store.blobs.values()
    made = world.made
    assert serve(world.pkcs, world).serial == delivery.serial
    assert world.made == made
    assert_whole(world)


@pytest.mark.parametrize("step", STEPS)
def test_workers_that_die_again_and_again(world: PKCSWorld, step: str) -> None:
    for moment in ("before", "after", "before"):
        try:
            serve(worker(world, **{moment: {step: die}}), world)  # type: ignore[arg-type]
        except Crash:
            continue
    serve(world.pkcs, world)
    assert_whole(world)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_storage_that_goes_away_at_any_step_is_an_error_to_try_again(
    world: PKCSWorld, moment: str, step: str
) -> None:
    with pytest.raises(StoreUnavailable):
        serve(worker(world, **{moment: {step: away}}), world)  # type: ignore[arg-type]
    serve(world.pkcs, world)
    assert_whole(world)


def at_once(calls: Sequence[Callable[[], Any]]) -> list[Any]:
    """What each call returns or raises, all begun together."""
    start = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        start.wait()
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - it is the result
            return error

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(run, calls))


def test_eight_workers_at_the_same_order(world: PKCSWorld) -> None:
    outcomes = at_once([lambda: serve(world.worker(), world)] * 8)
    assert all(isinstance(outcome, Conflict) for outcome in outcomes if isinstance(outcome, Exception))
    serve(world.pkcs, world)  # as the queue brings back what met a Conflict
    assert_whole(world)


@pytest.mark.parametrize("step", ["records.claim", "store.put", "records.commit", "orders.conclude"])
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_worker_that_is_overtaken_at_any_step(world: PKCSWorld, moment: str, step: str) -> None:
    """The whole order is served by another while this one stands still; then this one goes on."""
    overtaking = [lambda: serve(world.pkcs, world)]

    def overtake() -> None:
        while overtaking:
            overtaking.pop()()

    try:
        serve(worker(world, **{moment: {step: overtake}}), world)  # type: ignore[arg-type]
    except Conflict:
        serve(world.pkcs, world)
    assert_whole(world)


def test_a_worker_that_stood_still_too_long_gives_itself_up(world: PKCSWorld) -> None:
    def acknowledged() -> None:
        """Served by another, fetched, acknowledged, and even the id of the delivery free again."""
        entry = serve(world.pkcs, world)
        world.scep.now += timedelta(minutes=11)
        del world.store.blobs[entry.delivery]

    slow = worker(world, after={"records.claim": acknowledged})
    with pytest.raises(Conflict, match="took too long"):
        serve(slow, world)
    assert len(world.records()) == 1
    assert world.store.blobs == {}


def test_an_acknowledged_delivery_is_not_made_again(world: PKCSWorld) -> None:
    slow_entries: list[Any] = []

    def fetch() -> None:
        if not slow_entries:
            entry = serve(world.pkcs, world)
            slow_entries.append(entry)
            world.deliveries.acknowledge(entry.delivery, world.keys.seal(entry.delivery), source="")

    with pytest.raises(Conflict, match="further"):
        serve(worker(world, before={"store.put": fetch}), world)
    assert serve(world.pkcs, world).serial == slow_entries[0].serial
    assert len(world.records()) == 1
    (delivery,) = world.store.blobs.values()
    assert delivery.over


@pytest.mark.parametrize("moment", ["before store.put", "before records.commit"])
def test_a_wipe_in_flight_wins(world: PKCSWorld, moment: str) -> None:
    """An event reaches the claim: what was about to go on record is on record as revoked, and is not delivered."""
    when, step = moment.split()

    def wipe() -> None:
        for claim in world.scep.store.owned_by("device:dev1"):
            world.scep.revocations.revoke_claim(claim, "cessationOfOperation", by="event:generic")

    for _ in range(2):
        with pytest.raises(PolicyViolation, match="of this order is revoked"):
            serve(worker(world, **{when: {step: wipe}}), world)  # type: ignore[arg-type]
    assert all(record.status is Status.REVOKED for record in world.records())
    (delivery,) = world.store.blobs.values()
    assert (delivery.over, delivery.content) == (True, b"")
    entry = world.pkcs.find(world.caller(), "order-1")
    assert entry is not None
    assert entry.state is OrderState.FAILED


def test_a_wipe_between_two_attempts_ends_the_order(world: PKCSWorld) -> None:
    with pytest.raises(Crash):
        serve(worker(world, after={"records.claim": die}), world)
    (claim,) = world.claims()
    world.scep.revocations.revoke_claim(claim, "cessationOfOperation", by="event:generic")
    with pytest.raises(PolicyViolation, match="revoked"):
        serve(world.pkcs, world)
    assert world.store.blobs == {}


def test_a_duplicate_that_fails_does_not_undo_what_succeeded(world: PKCSWorld) -> None:
    def overtaken_then_refused() -> None:
        if not world.store.blobs:
            serve(world.pkcs, world)
        raise PolicyViolation("the recipient's certificate is revoked meanwhile")

    records: Any = Watched(world.scep.store, "records", {"records.owned_by": overtaken_then_refused}, {})
    slow = replace(world.pkcs, recipients=Recipients(records, world.scep.issuer))
    with pytest.raises(PolicyViolation):
        serve(slow, world)
    assert_whole(world)


def test_a_delivery_that_somebody_changed_does_not_go_on_record(world: PKCSWorld) -> None:
    with pytest.raises(Crash):
        serve(worker(world, after={"store.put": die}), world)
    (delivery,) = world.store.blobs.values()
    strangers = [
        delivery.content.replace(b'"certificate"', b'"x"'),
        b"junk",
        _with_certificate(delivery.content, world.scep.root.der),
        _with_certificate(delivery.content, world.scep.issuer.certificate.der),
        _with_certificate(delivery.content, None),
    ]
    for content in strangers:
        world.store.blobs[delivery.id] = replace(delivery, content=content)
        with pytest.raises(IssuanceFault):
            serve(world.pkcs, world)
        assert world.records() == []


def _with_certificate(content: bytes, der: bytes | None) -> bytes:
    """Another certificate, or None: the same with a damaged signature."""
    document = json.loads(content)
    if der is None:
        damaged = bytearray(b64decode(document["certificate"]))
        damaged[-1] ^= 1
        der = bytes(damaged)
    return json.dumps(document | {"certificate": b64encode(der).decode()}).encode()


def test_an_order_that_never_succeeds_is_an_alarm(world: PKCSWorld) -> None:
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(Crash):
            serve(worker(world, after={"records.claim": die}), world)
    with pytest.raises(IssuanceFault, match="never finished"):
        serve(world.pkcs, world)
