"""Damaged OCSP requests by the thousand: each is read or malformed, and reading them leaves nothing behind."""

from __future__ import annotations

import random
import secrets
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedMessage
from shared.x509.ocsp import OCSPRequest
from tests.fuzz.mutation import mutated, mutated_inside
from tests.memory import held
from tests.x509.ocsp_material import asked, nonce, request, signed_with, single

SEEDS = (
    request(),
    request(extensions=(nonce(b"n" * 32),)),
    request(*(single(asked(serial).encoded) for serial in range(1, 17))),
    request(*(single(asked(1, digest).encoded) for digest in ("sha256", "sha384", "sha512"))),
    signed_with(),
)


def fate(data: bytes) -> str:
    try:
        found = OCSPRequest.parse(data)
    except MalformedMessage:
        return "malformed"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
        pytest.fail(f"{error!r} for {data.hex()}")
    assert found.certificates
    assert len(repr([(each.serial_hex, each.issuer) for each in found.certificates])) > 0
    return "read"


def run(count: int, seed: int) -> Counter[str]:
    source = random.Random(seed)
    return Counter(
        fate(source.choice((mutated, mutated_inside))(source.choice(SEEDS), source)) for _ in range(count)
    )


def test_a_damaged_request_is_read_or_malformed() -> None:
    fates = run(5000, seed=6960)
    assert min(fates["malformed"], fates["read"]) > 100, fates


@given(st.binary(max_size=200))
def test_octets_without_meaning(data: bytes) -> None:
    fate(data)


def test_what_was_read_leaves_nothing_behind() -> None:
    run(2000, seed=1)
    tracemalloc.start()
    run(500, seed=2)
    before = held("shared")
    run(3000, seed=3)
    grown = held("shared") - before
    tracemalloc.stop()
    assert grown < 200_000, f"{grown} octets"


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_great_many_damaged_requests() -> None:
    seed = secrets.randbits(32)
    assert run(200_000, seed).total() == 200_000, f"seed {seed}"
