"""GeneralNames against cryptography's, in both directions, and what counts as the same name."""

from __future__ import annotations

import ipaddress

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids, writer
from shared.asn1.tags import context
from shared.errors import MalformedMessage
from shared.x509.general_names import (
    GeneralName,
    build_general_names,
    parse_general_names,
    same_names,
)
from shared.x509.names import Name

_ASCII = st.text(st.characters(max_codepoint=127), max_size=30)
_UPN = x509.ObjectIdentifier(oids.MS_USER_PRINCIPAL_NAME)
names = st.one_of(
    st.builds(GeneralName.dns, _ASCII),
    st.builds(GeneralName.email, _ASCII),
    st.builds(GeneralName.uri, _ASCII),
    st.builds(GeneralName.upn, st.text(st.characters(exclude_categories=["Cs"]), max_size=30)),
    st.builds(GeneralName.ip, st.ip_addresses().map(str)),
    st.builds(GeneralName.directory, st.builds(lambda value: Name.build([("CN", value)]), _ASCII)),
)


@given(st.lists(names, max_size=8))
def test_what_is_built_is_read(wanted: list[GeneralName]) -> None:
    assert parse_general_names(build_general_names(wanted)) == tuple(wanted)


def test_cryptography_writes_the_same_bytes() -> None:
    ours = [
        GeneralName.dns("a.example"),
        GeneralName.email("ada@example.org"),
        GeneralName.uri("tag:microsoft.com,2022-09-14:sid:S-1-5-21"),
        GeneralName.ip("192.0.2.7"),
        GeneralName.ip("2001:db8::7"),
        GeneralName.directory(Name.build([("C", "CZ"), ("CN", "a")])),
        GeneralName.upn("žofie@example.org"),
    ]
    theirs = x509.SubjectAlternativeName(
        [
            x509.DNSName("a.example"),
            x509.RFC822Name("ada@example.org"),
            x509.UniformResourceIdentifier("tag:microsoft.com,2022-09-14:sid:S-1-5-21"),
            x509.IPAddress(ipaddress.ip_address("192.0.2.7")),
            x509.IPAddress(ipaddress.ip_address("2001:db8::7")),
            x509.DirectoryName(x509.Name.from_rfc4514_string("CN=a,C=CZ")),
            x509.OtherName(_UPN, writer.utf8_string("žofie@example.org")),
        ]
    )
    assert build_general_names(ours) == theirs.public_bytes()


def test_unknown_kinds_are_kept() -> None:
    theirs = x509.SubjectAlternativeName(
        [
            x509.RegisteredID(x509.ObjectIdentifier("1.2.3.4")),
            x509.OtherName(x509.ObjectIdentifier("1.3.6.1.5.5.7.8.5"), writer.utf8_string("ada")),
            x509.OtherName(_UPN, writer.null()),
        ]
    ).public_bytes()
    read = parse_general_names(theirs)
    assert [name.text() for name in read] == [
        "other:#88032a0304",
        "other:1.3.6.1.5.5.7.8.5#0c03616461",
        f"other:{oids.MS_USER_PRINCIPAL_NAME}#0500",
    ]
    assert build_general_names(read) == theirs


def test_characters_beyond_ascii_are_read_and_never_built() -> None:
    (name,) = parse_general_names(writer.sequence(writer.tlv(0x82, "bücher.example".encode())))
    assert name.value == "bücher.example"
    (broken,) = parse_general_names(writer.sequence(writer.tlv(0x82, b"b\xfccher")))
    assert broken.value == "b\ufffdcher"
    for build in (GeneralName.dns, GeneralName.email, GeneralName.uri):
        with pytest.raises(MalformedMessage):
            build("bücher.example")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        writer.octet_string(b""),
        writer.sequence(writer.null()),
        writer.sequence(writer.tlv(0x87, b"\x01\x02\x03")),
        writer.sequence(writer.tlv(0x89, b"")),
        writer.sequence(writer.tlv(context(4), b"")),
        writer.sequence(writer.tlv(context(4), writer.null())),
        writer.sequence(writer.tlv(context(0), writer.oid("1.2.3"))),
        writer.sequence(writer.tlv(context(0), writer.oid("1.2.3") + writer.utf8_string("a"))),
        writer.sequence(writer.tlv(context(0), writer.oid("1.2.3") + writer.context(0, b""))),
    ],
)
def test_bytes_that_are_no_names(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_general_names(value)


def test_an_address_that_is_none() -> None:
    with pytest.raises(MalformedMessage):
        GeneralName.ip("192.0.2.256")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (GeneralName.dns("A.Example"), GeneralName.dns("a.example"), True),
        (GeneralName.email("ada@EXAMPLE.org"), GeneralName.email("ada@example.org"), True),
        (GeneralName.email("Ada@example.org"), GeneralName.email("ada@example.org"), False),
        (GeneralName.upn("Ada@example.org"), GeneralName.upn("ada@EXAMPLE.org"), True),
        (GeneralName.uri("https://a.example/X"), GeneralName.uri("https://a.example/x"), False),
        (GeneralName.ip("2001:db8:0::7"), GeneralName.ip("2001:db8::7"), True),
        (GeneralName.dns("ada@example.org"), GeneralName.email("ada@example.org"), False),
        (
            GeneralName.directory(Name.build([("CN", "Ada")])),
            GeneralName.directory(Name.build([("CN", "ADA")])),
            True,
        ),
        (
            GeneralName.directory(Name.build([("CN", "Ada")])),
            GeneralName.directory(Name.build([("O", "Ada")])),
            False,
        ),
    ],
)
def test_names_by_meaning(one: GeneralName, other: GeneralName, same: bool) -> None:
    assert same_names([one], [other]) is same


def test_names_are_compared_as_sets() -> None:
    one, other = GeneralName.dns("a.example"), GeneralName.dns("b.example")
    assert same_names([one, other, one], [other, one])
    assert not same_names([one, other], [one])
    assert same_names([], [])
