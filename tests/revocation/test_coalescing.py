"""A wipe of a thousand devices is a few CRLs: the requests that come at once find it done."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial

import pytest

from shared.revocation.scopes import CRLPlan
from shared.store.ports import Revocation, RevocationChange
from tests.ca.stores import in_threads
from tests.revocation.authority import LIFE, SECOND, Authority
from tests.revocation.views import WatchedPublications
from tests.scep.authority import NOW

DELAY = 5 * SECOND
"""Of a request in the queue."""


@pytest.fixture(
    params=[CRLPlan(LIFE), CRLPlan(LIFE, delta_life=timedelta(hours=4), shards=4)], ids=["full", "all"]
)
def ca(request: pytest.FixtureRequest) -> Authority:
    return Authority(plan=request.param)


def wipe(ca: Authority, count: int, seconds: int) -> list[datetime]:
    """Change rows of `count` certificates, spread over `seconds`; when each request was sent."""
    sent = []
    for number in range(count):
        moment = NOW + timedelta(seconds=number * seconds // count)
        serial = f"27ca{number % 256:02x}{number:032x}"
        ca.store.note_change(
            RevocationChange(ca.issuer.id, serial, moment, Revocation("keyCompromise", moment, "wipe"))
        )
        sent.append(moment)
    return sent


def fulls(view: WatchedPublications, ca: Authority) -> int:
    return view.puts.count(ca.publisher.name)


def test_a_thousand_requests_one_after_the_other(ca: Authority) -> None:
    ca.publisher.publish()
    view = WatchedPublications(ca.publications)
    publisher = ca.publisher_over(view)
    for changed_at in wipe(ca, 1000, seconds=10):
        ca.now = max(ca.now, changed_at + DELAY)
        publisher.publish_change(changed_at)
    assert len(ca.listed()) == 1000
    assert fulls(view, ca) <= 4, "one for each three seconds: those of the last two might not be covered"


def test_a_thousand_requests_to_the_threads_of_one_worker(ca: Authority) -> None:
    ca.publisher.publish()
    view = WatchedPublications(ca.publications)
    publisher = ca.publisher_over(view)
    sent = wipe(ca, 1000, seconds=1)
    ca.now = NOW + 2 * DELAY
    lists = [sent[number::24] for number in range(24)]

    def work(changes: list[datetime]) -> None:
        for changed_at in changes:
            publisher.publish_change(changed_at)

    in_threads([partial(work, changes) for changes in lists])
    assert len(ca.listed()) == 1000
    assert fulls(view, ca) == 1


def test_workers_that_begin_at_once_publish_once_each_at_most(ca: Authority) -> None:
    """A loser finds on starting over that the winner's CRL has it all."""
    ca.publisher.publish()
    sent = wipe(ca, 100, seconds=1)
    ca.now = NOW + 2 * DELAY
    views = [WatchedPublications(ca.publications) for _ in range(4)]
    together = threading.Barrier(4)
    for view in views:
        first = iter([True])

        def wait(name: str, first: object = first) -> None:
            if name == ca.publisher.name and next(first, False):  # type: ignore[call-overload]
                together.wait(30)

        view.after_read = wait
    publishers = [ca.publisher_over(view) for view in views]
    in_threads([partial(publisher.publish_change, sent[-1]) for publisher in publishers])
    assert len(ca.listed()) == 100
    assert sum(fulls(view, ca) for view in views) <= (1 if not ca.plan.shards else 4)
