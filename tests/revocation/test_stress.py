"""Many workers revoke, lift and publish at once, with shards and deltas: nothing goes backwards, and all agree."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import timedelta
from functools import partial
from threading import Lock
from typing import Any

import pytest

from shared.errors import Conflict
from shared.revocation.scopes import CRLPlan, Scope, shards
from shared.store.memory import MemoryPublicationStore
from shared.store.ports import Status
from tests.ca.stores import in_threads
from tests.revocation.authority import LIFE, SECOND, Authority

HOUR = timedelta(hours=1)


class Noted(MemoryPublicationStore):
    """Notes the numbers under which each blob was put, in the order in which the puts took place."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, list[int]] = defaultdict(list)
        self._order = Lock()

    def put(self, name: str, data: bytes, **named: Any) -> None:
        with self._order:
            super().put(name, data, **named)
            self.numbers[name].append(int(named["metadata"]["number"]))


@pytest.mark.parametrize("seed", range(3))
def test_many_workers_at_once(seed: int) -> None:
    ca = Authority(plan=CRLPlan(LIFE, delta_life=4 * HOUR, shards=4), publications=Noted())
    ca.publisher.publish()
    kept = {scope: ca.crl(scope.name) for scope in shards(ca.issuer, 4)}
    records = [ca.issue() for _ in range(24)]

    def work(number: int) -> None:
        chance = random.Random(seed * 100 + number)
        publisher = ca.publisher_over(ca.publications)
        for record in records[number::8]:
            for act in (partial(ca.revoke, record, "certificateHold"), chance.choice((ca.lift, ca.revoke))):
                act() if isinstance(act, partial) else act(record)
                ca.now += SECOND
                for _ in range(40):
                    try:
                        publisher.publish_change(ca.now)
                    except Conflict:
                        continue
                    break

    in_threads([partial(work, number) for number in range(8)])
    ca.now += 5 * SECOND
    ca.publisher.publish()
    assert isinstance(ca.publications, Noted)
    for name, numbers in ca.publications.numbers.items():
        assert numbers == sorted(set(numbers)), f"{name} went backwards"
    revoked = {
        record.serial
        for record in records
        if (ca.store.find(record.issuer, record.serial) or record).status is Status.REVOKED
    }
    assert ca.listed().keys() == revoked
    for scope in (Scope.whole(ca.issuer), *shards(ca.issuer, 4)):
        listed = ca.listed(scope.name)
        assert listed.keys() == {s for s in revoked if not scope.count or s in _of(ca, scope, revoked)}
        if scope in kept:
            delta = ca.listed(scope.delta_name)
            assert {s for s, reason in delta.items() if reason != "removeFromCRL"} == listed.keys()
            assert kept[scope].number >= (ca.crl(scope.delta_name).base or 0)


def _of(ca: Authority, scope: Scope, serials: set[str]) -> set[str]:
    return {serial for serial in serials if int(serial[4:6], 16) * scope.count >> 8 == scope.number}
