"""Names: the bytes against cryptography and asn1crypto, and what counts as the same name."""

from __future__ import annotations

import pytest
from asn1crypto import x509 as other
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids, tags, writer
from shared.errors import MalformedMessage
from shared.x509.names import SHORT_NAMES, Name
from tests.x509.material import subject

_PRINTABLE = st.text("ABCdefghijk 019'()+,-./:=?", max_size=12)
_FREE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


def _pair(oid: str, value: bytes) -> bytes:
    return writer.sequence(writer.oid(oid), value)


def _value_for(kind: str) -> st.SearchStrategy[str]:
    if kind in ("C", "serialNumber", "dnQualifier", "telephoneNumber"):
        return _PRINTABLE
    return st.text(st.characters(max_codepoint=127), max_size=20) if kind in ("E", "DC") else _FREE


pairs = st.sampled_from([*SHORT_NAMES, "1.2.3.4.5"]).flatmap(
    lambda kind: st.tuples(st.just(kind), _value_for(kind))
)


@given(st.lists(pairs, max_size=6))
def test_text_reads_back_to_the_same_bytes(wanted: list[tuple[str, str]]) -> None:
    name = Name.build(wanted)
    assert Name.from_text(name.text()) == name
    assert [(attribute.oid, attribute.value) for attribute in name.attributes()] == [
        (SHORT_NAMES.get(kind, kind), value) for kind, value in wanted
    ]


@given(st.lists(pairs, max_size=6))
def test_asn1crypto_reads_the_same_values(wanted: list[tuple[str, str]]) -> None:
    read = other.Name.load(Name.build(wanted).encoded)
    assert [
        (pair["type"].dotted, pair["value"].native if pair["type"].dotted != "1.2.3.4.5" else value)
        for rdn, (_, value) in zip(read.chosen, wanted, strict=True)
        for pair in rdn
    ] == [(SHORT_NAMES.get(kind, kind), value) for kind, value in wanted]


def test_cryptography_writes_the_same_bytes() -> None:
    wanted = [("C", "CZ"), ("O", "Scepter"), ("DC", "example"), ("E", "a@example.org"), ("CN", "Žižkov")]
    built = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(SHORT_NAMES[k]), v) for k, v in wanted])
    assert Name.build(wanted).encoded == built.public_bytes()


def test_several_attributes_in_an_rdn_are_sorted_as_der_demands() -> None:
    name = Name.from_text("serialNumber=7+CN=a,O=b")
    assert [[attribute.oid for attribute in rdn] for rdn in name.rdns] == [
        [oids.ORGANIZATION],
        [oids.COMMON_NAME, oids.SERIAL_NUMBER],
    ]
    assert name.encoded == writer.sequence(
        writer.set_of([_pair(oids.ORGANIZATION, writer.utf8_string("b"))]),
        writer.set_of(
            [
                _pair(oids.COMMON_NAME, writer.utf8_string("a")),
                _pair(oids.SERIAL_NUMBER, writer.printable_string("7")),
            ]
        ),
    )


def test_values_that_are_no_text_show_in_hexadecimal() -> None:
    name = Name.from_der(subject(writer.octet_string(b"\x01\xff")))
    assert name.text() == "CN=#040201ff"
    assert Name.from_text(name.text()) == name
    assert not name.same_as(Name.build([("CN", "#040201ff")]))


@pytest.mark.parametrize(
    ("tag", "octets", "text"),
    [
        (tags.T61_STRING, b"Z\xfcrich", "Zürich"),
        (tags.BMP_STRING, "Žižkov".encode("utf-16-be"), "Žižkov"),
        (tags.UNIVERSAL_STRING, "Žižkov".encode("utf-32-be"), "Žižkov"),
        (tags.IA5_STRING, b"dev_1", "dev_1"),
        (tags.PRINTABLE_STRING, b"a@b_c", "a@b_c"),
    ],
)
def test_every_string_type_is_read_and_kept(tag: int, octets: bytes, text: str) -> None:
    encoded = subject(writer.tlv(tag, octets))
    name = Name.from_der(encoded)
    assert (name.encoded, name.values("CN")) == (encoded, (text,))
    assert name.same_as(Name.build([("CN", text)]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=Device", "CN=DEVICE"),
        ("CN=a  b", "CN=a b"),
        (r"CN=\ a ", "CN=a"),
        ("CN=a+OU=b", "OU=b+CN=a"),
        ("CN=straße", "CN=STRASSE"),
        ("CN=ﬁ", "CN=fi"),
        ("", ""),
    ],
)
def test_names_that_mean_the_same(one: str, other: str) -> None:
    assert Name.from_text(one).same_as(Name.from_text(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CN=a,OU=b", "OU=b,CN=a"),
        ("CN=a", "OU=a"),
        ("CN=a", "CN=a,O=b"),
        ("CN=a", "CN=a+OU=a"),
        ("CN=ab", "CN=a b"),
        ("CN=a,CN=b", "CN=a+CN=b"),
    ],
)
def test_names_that_do_not(one: str, other: str) -> None:
    assert not Name.from_text(one).same_as(Name.from_text(other))


@pytest.mark.parametrize(
    "encoded",
    [
        b"",
        b"\x05\x00",
        writer.sequence(writer.set_of([])),
        writer.sequence(writer.sequence()),
        writer.sequence(writer.set_of([writer.sequence(writer.oid("2.5.4.3"))])),
        writer.sequence(
            writer.set_of([writer.sequence(writer.oid("2.5.4.3"), writer.null(), writer.null())])
        ),
        subject(writer.tlv(tags.UTF8_STRING, b"\xff")),
        subject(writer.tlv(tags.BMP_STRING, b"\x00")),
        writer.sequence() + b"\x00",
    ],
)
def test_bytes_that_are_no_name(encoded: bytes) -> None:
    with pytest.raises(MalformedMessage):
        Name.from_der(encoded)


def test_ber_forms_become_der() -> None:
    der = subject(writer.utf8_string("a"))
    assert Name.from_der(b"\x30\x80" + der[2:] + b"\x00\x00").encoded == der
