"""Damaged requests at the OCSP endpoint: each is answered with 200 by an OCSP response, and memory does not grow."""

from __future__ import annotations

import asyncio
import base64
import logging
import random
import secrets
import tracemalloc
from collections import Counter
from urllib.parse import quote

import azure.functions as func
import pytest

from tests.functions.conftest import Make
from tests.functions.memory import MemoryApplication
from tests.functions.ocsp_calls import Told, call, get, issue, post, request_for
from tests.fuzz.mutation import mutated, mutated_inside
from tests.memory import held

NOBODYS = "26aa" + "99" * 17
KNOWN = {"SUCCESSFUL", "MALFORMED_REQUEST", "UNAUTHORIZED"}


class Target:
    """An application, and requests that it answers."""

    def __init__(self, app: MemoryApplication) -> None:
        serials = [issue(app, f"device {number}").serial for number in range(2)]
        self.seeds = [
            request_for(app, serials[0]),
            request_for(app, *serials, NOBODYS, nonce=b"n" * 32, digest="sha256"),
            request_for(app, *(f"{number:02x}" for number in range(1, 17))),
        ]

    def damaged(self, source: random.Random) -> func.HttpRequest:
        data = source.choice((mutated, mutated, mutated_inside))(source.choice(self.seeds), source)
        if source.randrange(2):
            return post(data)
        text = base64.b64encode(data)
        if source.randrange(3) == 0:
            text = mutated(text, source)
        return get(f"/ocsp/{quote(text, safe=source.choice(('', '/', '/+=')))}")


async def _run(target: Target, count: int, seed: int) -> Counter[str]:
    source, fates = random.Random(seed), Counter[str]()
    for _ in range(count):
        sent = target.damaged(source)
        told = Told(await call(sent))
        fates[told.status] += 1
        if told.status not in KNOWN:
            pytest.fail(f"{told.status} for {sent.method} {sent.url} {sent.get_body().hex()}")
    return fates


def run(app: MemoryApplication, count: int, seed: int) -> Counter[str]:
    return asyncio.run(_run(Target(app), count, seed))


def test_a_damaged_request_is_answered(make: Make) -> None:
    fates = run(make(), 1500, seed=6960)
    assert set(fates) == KNOWN, fates
    assert min(fates.values()) > 20, fates


def test_memory_does_not_grow(make: Make) -> None:
    app = make()
    logging.getLogger("scepter.ocsp").setLevel(logging.ERROR)  # what is captured of a log is not ours
    run(app, 500, seed=1)
    target = Target(app)
    tracemalloc.start()
    asyncio.run(_run(target, 200, seed=2))
    before = held("shared", "functions")
    asyncio.run(_run(target, 1000, seed=3))
    grown = held("shared", "functions") - before
    tracemalloc.stop()
    logging.getLogger("scepter.ocsp").setLevel(logging.NOTSET)
    assert grown < 300_000, f"{grown} octets"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_great_many_damaged_requests(make: Make) -> None:
    seed = secrets.randbits(32)
    assert run(make(), 200_000, seed).total() == 200_000, f"seed {seed}"
