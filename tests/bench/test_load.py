"""The load client reads what servers of both kinds answer, and counts only what a device would take."""

from __future__ import annotations

import pytest

from bench.fleet import Fleet, KeyPool, Prepared
from bench.load import Load, get, post
from shared.errors import MalformedMessage
from tests.scep.authority import World
from tests.store.line import HANG_UP, answer, serving

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n10;x=y\r\n0123456789abcdef\r\n0\r\n\r\n"


@pytest.fixture(scope="module")
def fleet() -> Fleet:
    return Fleet(World().ra.certificate)


def messages(fleet: Fleet, count: int) -> list[Prepared]:
    return [fleet.prepare(number, "challenge") for number in range(count)]


def test_every_message_gets_its_own_answer(fleet: Fleet) -> None:
    sent = messages(fleet, 3)
    with serving(answer(b"3"), answer(b"2"), answer(b"1")) as line:
        load = post(f"{line.url}/scep", sent, connections=1)
        assert load.answers == (b"1", b"2", b"3")  # the last is sent first
        assert [
            request.endswith(each.message)
            for request, each in zip(line.requests, reversed(sent), strict=True)
        ]
        assert line.requests[0].startswith(b"POST /scep?operation=PKIOperation HTTP/1.1\r\n")


def test_a_body_in_chunks_is_read_whole_and_a_refusal_is_none(fleet: Fleet) -> None:
    with serving(CHUNKED, answer(b"", "503 Service Unavailable"), answer(b"last")) as line:
        load = post(line.url, messages(fleet, 3), connections=1)
        assert load.answers == (b"last", None, b"body0123456789abcdef")


def test_a_crowd_shares_the_messages(fleet: Fleet) -> None:
    with serving(*[answer(b"x")] * 8) as line:
        assert post(line.url, messages(fleet, 8), connections=4).answers == (b"x",) * 8
        assert line.connections == 4


def test_a_server_that_goes_away_is_no_answer(fleet: Fleet) -> None:
    with serving(HANG_UP) as line, pytest.raises(ConnectionError):
        post(line.url, messages(fleet, 1), connections=1)
    with serving(answer(b"", "404 Not Found")) as line, pytest.raises(OSError, match="GetCACaps"):
        get(line.url, "GetCACaps")


def test_only_ones_own_certificate_counts_as_served() -> None:
    world = World()
    fleet = Fleet(world.ra.certificate)
    subjects = [fleet.subject(number) for number in range(2)]
    sent = [
        fleet.prepare(number, world.challenge(subject, device=subject, sans=[fleet.san(number)]))
        for number, subject in enumerate(subjects)
    ]
    served = [world.service.pki_operation(each.message, world.profile(), now=world.now) for each in sent]
    ra = world.ra.certificate
    assert Load(tuple(served), 1.0).served(sent, ra) == 2
    assert Load((served[1], served[0]), 1.0).served(sent, ra) == 0
    assert Load((served[0], None), 1.0).served(sent, ra) == 1
    refused = fleet.prepare(0, "wrong")
    failure = world.service.pki_operation(refused.message, world.profile(), now=world.now)
    assert Load((failure,), 1.0).served([refused], ra) == 0
    with pytest.raises(MalformedMessage):
        refused.read(b"", ra)


def test_a_pool_has_as_many_keys_as_pairs() -> None:
    pool = KeyPool(primes=3)
    moduli = {pool.key(number).public_key().public_numbers().n for number in range(9)}
    assert len(moduli) == 9
    signature_of = pool.key(5)
    assert signature_of.key_size == 2048
