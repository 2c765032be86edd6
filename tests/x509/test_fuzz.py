"""What strangers send: however damaged, it is read or refused as the asker's fault, never by another exception."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import writer
from shared.asn1.reader import Element, read_der
from shared.errors import MalformedMessage, RequestError
from shared.keys.ports import public_key_info
from shared.x509.certificate import Certificate, parse_tbs
from shared.x509.crl import RevokedEntry, build_crl, parse_crl, verify_crl
from shared.x509.crl_list import merge
from shared.x509.crl_outline import read_outline
from shared.x509.general_names import parse_general_names
from shared.x509.names import Name
from shared.x509.request import CertificateRequest
from tests.x509.csr_oddities import ODDITIES
from tests.x509.material import NOW, ca_certificate, key, leaf, signed_request

# The library warns of numbers that RFC 5280 forbids; in a damaged CRL they are expected.
pytestmark = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")

Reader = Callable[[bytes], object]

_LAZY = (
    "sans",
    "key_usage",
    "extended_key_usage",
    "basic_constraints",
    "subject_key_identifier",
    "authority_key_identifier",
    "public_key",
)


def _read_certificate(der: bytes) -> None:
    certificate = Certificate.from_der(der)
    assert len(repr(certificate)) > 0
    assert certificate.subject.same_as(Name.from_der(certificate.subject.encoded))
    for name in _LAZY:
        with suppress(RequestError):
            getattr(certificate, name)


def _read_request(der: bytes) -> None:
    assert len(repr(CertificateRequest.from_der(der))) > 0


def _read_signed_info(info: bytes) -> None:
    """A damaged CertificationRequestInfo whose signature is right: the proof of possession stops nothing."""
    _read_request(signed_request(info, key("p-256")))


def _read_crl(der: bytes) -> None:
    crl = parse_crl(der)
    assert len(list(crl.entries())) == len(crl)
    verify_crl(der, ca_certificate().public_key)


def _read_outline(der: bytes) -> None:
    """What the publisher reads of its own blob, without the signature that comes first."""
    outline = read_outline(der)
    assert outline.number >= (outline.base or 0)
    assert outline.distribution_point == ""
    assert merge(outline.listed, {}).count == len(dict(outline.listed)), "one entry for one serial number"


def _crl() -> bytes:
    return build_crl(
        issuer_certificate=ca_certificate(),
        signing_key=key("rsa-2048", "ca"),
        entries=[RevokedEntry("27ca", NOW, "superseded"), RevokedEntry("27cb", NOW)],
        number=1,
        this_update=NOW,
        next_update=NOW.replace(year=2027),
        next_publish=NOW.replace(year=2027),
    )


def _mutations(seed: bytes, count: int) -> Iterator[bytes]:
    """Flipped octets, octets that mean something in DER, cuts, repeats; the same ones in every run."""
    dice = random.Random(seed)
    for _ in range(count):
        octets = bytearray(seed)
        for _ in range(dice.choice((1, 1, 1, 2, 4, 16))):
            place = dice.randrange(len(octets))
            change = dice.randrange(5)
            if change == 0:
                octets[place] = dice.randrange(256)
            elif change == 1:
                octets[place] = dice.choice((0x00, 0x01, 0x30, 0x31, 0x7F, 0x80, 0x81, 0x84, 0xA0, 0xFF))
            elif change == 2:
                octets[place] ^= 1 << dice.randrange(8)
            elif change == 3:
                del octets[place : place + dice.randrange(1, 5)]
            else:
                octets[place:place] = octets[place : place + dice.randrange(1, 40)]
        yield bytes(octets)


def _seeds() -> list[tuple[Reader, bytes]]:
    requests = [(_read_request, oddity.make()) for oddity in ODDITIES.values()]
    infos = [(_read_signed_info, _info(oddity.make())) for oddity in ODDITIES.values()]
    certificates = [(_read_certificate, leaf(ca).der) for ca in ("rsa-2048", "p-256")]
    crls = [(_read_crl, _crl()), (_read_outline, _crl())]
    return [*requests, *infos, *certificates, (_read_certificate, ca_certificate().der), *crls]


def _info(der: bytes) -> bytes:
    """The signed part of a request, about a key that signs faster."""
    fields = [child.encoded for child in read_der(der).children()[0].children()]
    return writer.sequence(*fields[:2], public_key_info(key("p-256")), *fields[3:])


def _feed(reader: Reader, octets: bytes) -> int:
    try:
        reader(octets)
    except RequestError as error:
        assert error.reason
        return 1
    return 0


def _feed_all(count: int) -> int:
    return sum(_feed(reader, damaged) for reader, seed in _seeds() for damaged in _mutations(seed, count))


def test_damaged_messages_are_refused_politely() -> None:
    assert _feed_all(300) > 300 * len(ODDITIES)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_many_more_damaged_messages() -> None:
    assert _feed_all(20_000) > 0


def test_the_signed_part_of_a_damaged_certificate() -> None:
    seed = leaf().tbs
    assert sum(_feed(parse_tbs, damaged) for damaged in _mutations(seed, 500)) > 0


@given(st.binary(max_size=60))
def test_octets_without_meaning(octets: bytes) -> None:
    for reader in (
        _read_request,
        _read_certificate,
        _read_crl,
        _read_outline,
        Name.from_der,
        parse_general_names,
    ):
        _feed(reader, octets)


@given(st.text(max_size=40))
def test_texts_without_meaning(text: str) -> None:
    with suppress(MalformedMessage):
        name = Name.from_text(text)
        assert Name.from_text(name.text()) == name


def _elements(element: Element) -> Iterator[Element]:
    yield element
    if element.tag & 0x20:
        for child in element.children():
            yield from _elements(child)


@pytest.mark.parametrize("octets", [b"", b"\x30\x00", b"\x05\x00", b"\xa0\x80", b"\x02\x81\xff"])
def test_every_element_replaced(octets: bytes) -> None:
    request = ODDITIES["user principal name"].make()
    for reader, seed in ((_read_certificate, leaf().der), (_read_request, request)):
        for element in _elements(read_der(seed)):
            _feed(reader, _rebuilt(read_der(seed), element.encoded, octets))


def _rebuilt(element: Element, target: bytes, replacement: bytes) -> bytes:
    if element.encoded == target:
        return replacement
    if not element.tag & 0x20:
        return element.encoded
    return writer.tlv(
        element.tag, b"".join(_rebuilt(child, target, replacement) for child in element.children())
    )
