"""Damaged webhooks, signed and not: each is answered with what its faults deserve, never 500, and memory is flat."""

from __future__ import annotations

import json
import logging
import random
import secrets
import tracemalloc
from collections import Counter
from typing import Any

import pytest

from tests.functions.application import EVENT_SECRET, MemoryApplication
from tests.functions.test_events import EVENT, JAMF, basic, post, signed
from tests.fuzz.mutation import mutated
from tests.memory import held

FULL = EVENT | {
    "version": 1,
    "source": "x",
    "device": dict.fromkeys(
        ("intuneDeviceId", "entraDeviceId", "udid"), "1b4e28ba-2fa1-11d2-883f-0016d3cca427"
    ),
    "user": {"id": "u", "userPrincipalName": "ann@example.org"},
}
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    2**70,
    1.5,
    "",
    "x" * 2000,
    "\ud800",
    "\x00",
    [],
    {},
    [[]],
    {"id": {}},
)
EXPECTED = {200, 202, 400, 403, 411}


def changed(document: dict[str, Any], source: random.Random) -> dict[str, Any]:
    """The document with something of it replaced, removed or added, at any depth."""
    result = json.loads(json.dumps(document))
    node = result
    while source.randrange(2) and (inner := [value for value in node.values() if isinstance(value, dict)]):
        node = source.choice(inner)
    key = source.choice([*node, "more"]) if node else "more"
    if source.randrange(3) == 0:
        node.pop(key, None)
    else:
        node[key] = source.choice(ODD)
    return dict(result)


def body_of(source: random.Random, document: dict[str, Any]) -> bytes:
    for _ in range(source.randrange(3)):
        document = changed(document, source)
    body = json.dumps(document).encode()
    return mutated(body, source) if source.randrange(2) else body


def run(app: MemoryApplication, count: int, seed: int) -> Counter[int]:
    source, fates = random.Random(seed), Counter[int]()
    for _ in range(count):
        if source.randrange(2):
            body = body_of(source, FULL)
            headers = signed(body)
            if source.randrange(4) == 0:
                name = source.choice(list(headers))
                headers[name] = mutated(headers[name].encode(), source).decode("latin-1")
            answer = post(body, "generic", headers)
        else:
            body = body_of(source, JAMF)
            answer = post(body, "jamf", basic(EVENT_SECRET))
        fates[answer.status_code] += 1
        assert answer.status_code in EXPECTED, (seed, body)
        app.queues["device-events"].sent.clear()
    return fates


def test_a_damaged_webhook_is_answered(app: MemoryApplication) -> None:
    fates = run(app, 2000, seed=8935)
    assert {202, 400, 403} <= set(fates), fates


def test_memory_does_not_grow(app: MemoryApplication) -> None:
    logging.getLogger("scepter.http").setLevel(logging.CRITICAL)  # what is captured of a log is not ours
    run(app, 1500, seed=1)
    tracemalloc.start()
    run(app, 300, seed=2)
    before = held("shared", "functions")
    run(app, 1500, seed=3)
    grown = held("shared", "functions") - before
    tracemalloc.stop()
    logging.getLogger("scepter.http").setLevel(logging.NOTSET)
    assert grown < 200_000, f"{grown} octets"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_great_many_damaged_webhooks(app: MemoryApplication) -> None:
    seed = secrets.randbits(32)
    assert run(app, 200_000, seed).total() == 200_000, f"seed {seed}"
