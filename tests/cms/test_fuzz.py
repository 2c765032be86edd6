"""Whatever a stranger sends, only RequestError comes out, and nothing is accepted that was not signed."""

from __future__ import annotations

from contextlib import suppress
from random import Random

import pytest

from shared.asn1.normalise import normalise
from shared.asn1.reader import Element, read, read_der
from shared.asn1.tags import CONSTRUCTED
from shared.cms.enveloped import EnvelopedMessage
from shared.cms.signed import SignedMessage
from shared.cms.signing import parse_degenerate
from shared.errors import MalformedMessage, RequestError
from shared.keys.ports import DecryptionKey
from tests.cms import vectors
from tests.cms.mutation import mutate, rearrange

QUICK = 1_500
LONG = 1_500_000


@pytest.mark.parametrize("name", vectors.NAMES)
def test_damaged_signed_messages(name: str) -> None:
    _damage_signed(vectors.message(name), Random(name), QUICK // 3)


@pytest.mark.parametrize("name", vectors.NAMES)
def test_damaged_envelopes(name: str, recipient: tuple[bytes, DecryptionKey]) -> None:
    _damage_envelope(SignedMessage.parse(vectors.message(name)), recipient, Random(name), QUICK // 3)


@pytest.mark.parametrize("name", vectors.NAMES)
def test_damaged_encodings(name: str) -> None:
    _damage_encoding(vectors.message(name), Random(name), QUICK)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_damage_of_every_kind_for_long(recipient: tuple[bytes, DecryptionKey]) -> None:
    rounds = LONG // len(vectors.NAMES) // 10
    for name in vectors.NAMES:
        sent, random = vectors.message(name), Random(f"long {name}")
        _damage_encoding(sent, random, rounds * 7)
        _damage_signed(sent, random, rounds * 2)
        _damage_envelope(SignedMessage.parse(sent), recipient, random, rounds)


def _damage_signed(sent: bytes, random: Random, rounds: int) -> None:
    original = SignedMessage.parse(sent)
    key = vectors.public_key(original.signer_certificate)
    for _ in range(rounds):
        damaged = random.choice((mutate, rearrange))(sent, random)
        try:
            parse_degenerate(damaged)
            message = SignedMessage.parse(damaged)
            message.verify(key, allow_legacy=True)
        except RequestError:
            continue
        assert (message.content, message.attributes) == (original.content, original.attributes)


def _damage_envelope(
    original: SignedMessage, recipient: tuple[bytes, DecryptionKey], random: Random, rounds: int
) -> None:
    assert original.content is not None
    for _ in range(rounds):
        damaged = random.choice((mutate, rearrange))(original.content, random)
        try:
            envelope = EnvelopedMessage.parse(damaged)
            opened, index = envelope.open([recipient], allow_legacy=True)
        except RequestError:
            continue
        assert index == 0
        assert len(opened) < len(original.content) + 1000


def _damage_encoding(sent: bytes, random: Random, rounds: int) -> None:
    for _ in range(rounds):
        try:
            element = read(mutate(sent, random))
        except MalformedMessage:
            continue
        assert normalise(element.encoded) is element.encoded
        _walk(element)


def _walk(element: Element) -> None:
    """Down to where something is malformed, which nobody reads."""
    assert read_der(element.encoded) == element
    if element.tag & CONSTRUCTED:
        with suppress(MalformedMessage):
            for child in element.children():
                _walk(child)
