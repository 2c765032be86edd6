"""The extensions of shards and deltas, and the outline that the publisher reads, judged by other implementations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asn1crypto import crl as other
from cryptography import x509

from shared.asn1 import oids, tags, writer
from shared.asn1.reader import read
from shared.errors import MalformedMessage
from shared.keys.signatures import signature_algorithm
from shared.x509.crl import RevokedEntry, parse_crl
from shared.x509.crl_extensions import parse_distribution_point, parse_number
from shared.x509.crl_list import EntryList
from shared.x509.crl_outline import read_outline
from shared.x509.crl_template import CRLTemplate, compose_crl, sign_crl
from tests.x509.lint import crl_findings
from tests.x509.material import ALGORITHMS, NOW, ca_certificate, key

DAY = timedelta(days=1)
URL = "http://pki.example.org/crl/0011223344556677/16-3.crl"
DELTA_URL = "http://pki.example.org/crl/0011223344556677/16-3-delta.crl"
ENTRIES = tuple(RevokedEntry(f"27ca{number:034x}", NOW, "superseded") for number in range(3))


def template(**changes: Any) -> CRLTemplate:
    usual: dict[str, Any] = {"number": 7, "this_update": NOW, "next_update": NOW + DAY}
    return CRLTemplate(**usual | changes)


def signed(made: CRLTemplate, entries: tuple[RevokedEntry, ...] = ENTRIES, algorithm: str = "p-256") -> bytes:
    issuer = ca_certificate(algorithm)
    identifier = signature_algorithm(issuer.public_key)
    listed = EntryList.of(entry.to_der() for entry in entries)
    tbs = compose_crl(made, listed, issuer=issuer, algorithm=identifier)
    return sign_crl(tbs, key(algorithm, "ca"), identifier)


SHARD = template(distribution_point=URL, freshest=DELTA_URL, next_publish=NOW + DAY / 2)
DELTA = template(distribution_point=URL, base=5, next_publish=NOW + DAY / 2)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("made", [SHARD, DELTA, template(freshest=DELTA_URL), template(base=7)])
@pytest.mark.parametrize("entries", [(), ENTRIES])
def test_pkilint_finds_nothing(algorithm: str, made: CRLTemplate, entries: tuple[RevokedEntry, ...]) -> None:
    assert crl_findings(signed(made, entries, algorithm)) == []


def test_cryptography_reads_the_extensions() -> None:
    shard, delta = (x509.load_der_x509_crl(signed(made)).extensions for made in (SHARD, DELTA))
    critical = {found.oid.dotted_string for found in shard if found.critical}
    assert critical == {oids.ISSUING_DISTRIBUTION_POINT}
    point = shard.get_extension_for_class(x509.IssuingDistributionPoint).value
    assert point == x509.IssuingDistributionPoint(
        full_name=[x509.UniformResourceIdentifier(URL)],
        relative_name=None,
        only_contains_user_certs=False,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=False,
        only_contains_attribute_certs=False,
    )
    (freshest,) = shard.get_extension_for_class(x509.FreshestCRL).value
    assert freshest.full_name == [x509.UniformResourceIdentifier(DELTA_URL)]
    indicator = delta.get_extension_for_class(x509.DeltaCRLIndicator)
    assert (indicator.critical, indicator.value.crl_number) == (True, 5)
    assert parse_crl(signed(DELTA)).base == 5
    assert parse_crl(signed(SHARD)).base is None


def test_asn1crypto_reads_them_too() -> None:
    listed = other.CertificateList.load(signed(SHARD), strict=True)
    assert listed.issuing_distribution_point_value.native["distribution_point"] == [URL]
    assert [point.native["distribution_point"] for point in listed.freshest_crl_value] == [[DELTA_URL]]
    assert other.CertificateList.load(signed(DELTA), strict=True).delta_crl_indicator_value.native == 5


@pytest.mark.parametrize("made", [SHARD, DELTA, template()])
@pytest.mark.parametrize("entries", [(), ENTRIES])
def test_the_outline_is_what_was_composed(made: CRLTemplate, entries: tuple[RevokedEntry, ...]) -> None:
    der = signed(made, entries)
    outline, theirs = read_outline(der), x509.load_der_x509_crl(der)
    assert (outline.number, outline.base) == (made.number, made.base)
    assert (outline.this_update, outline.next_update) == (made.this_update, made.next_update)
    assert outline.distribution_point == made.distribution_point
    assert der[slice(*outline.tbs)] == theirs.tbs_certlist_bytes
    assert [RevokedEntry.from_der(entry) for _, entry in outline.listed] == list(entries)
    assert set(outline.extensions) == {found.oid.dotted_string for found in theirs.extensions}


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"number": -1}, "CRL number"),
        ({"number": 1 << 159}, "CRL number"),
        ({"base": 8}, "CRL number"),
        ({"base": -1}, "CRL number"),
        ({"next_update": NOW}, "next update"),
        ({"base": 5, "freshest": DELTA_URL}, "points to no other"),
    ],
)
def test_templates_that_cannot_be(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        template(**changes)


def tampered(change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """The CRL of a shard with other fields in its signed part."""
    fields = [child.encoded for child in read(signed(SHARD)).children()]
    inner = [child.encoded for child in read(fields[0]).children()]
    return writer.sequence(writer.sequence(*change(inner)), *fields[1:])


@pytest.mark.parametrize(
    "der",
    [
        b"",
        b"\x30\x00",
        b"\x30\x80\x00\x00",
        b"\x30\x03\x02\x01\x01",
        b"\x31\x00",
        signed(SHARD)[:-1],
        signed(SHARD) + b"\x00",
        tampered(lambda fields: fields[1:]),
        tampered(lambda fields: fields[:-1]),
        tampered(lambda fields: [*fields, writer.null()]),
        tampered(lambda fields: [writer.integer(0), *fields[1:]]),
        tampered(lambda fields: [*fields[:5], writer.sequence(), fields[6]]),
        tampered(lambda fields: [*fields[:5], writer.null(), fields[6]]),
        tampered(lambda fields: [*fields[:6], writer.sequence()]),
        tampered(lambda fields: [*fields[:3], writer.null(), *fields[4:]]),
    ],
)
def test_what_is_not_a_crl_of_ours_has_no_outline(der: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read_outline(der)


def test_a_crl_without_a_number_is_told_when_it_is_asked() -> None:
    bare = read_outline(tampered(lambda fields: [*fields[:6], writer.context(0, writer.sequence())]))
    with pytest.raises(MalformedMessage, match="without a number"):
        _ = bare.number
    assert (bare.base, bare.distribution_point) == (None, "")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        writer.null(),
        writer.sequence(),
        writer.sequence(writer.context(0, writer.context(1, b""))),
        writer.sequence(writer.context(0, writer.context(0, writer.context(2, b"x", constructed=False)))),
        writer.sequence(
            writer.context(0, writer.context(0, writer.context(6, b"x", constructed=False))), writer.null()
        ),
    ],
)
def test_distribution_points_of_other_kinds_are_refused(value: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_distribution_point({oids.ISSUING_DISTRIBUTION_POINT: (True, value)})


def test_numbers_that_cannot_be() -> None:
    assert parse_number({}, oids.CRL_NUMBER) is None
    for value in (b"", writer.null(), writer.integer(-1), writer.tlv(tags.INTEGER, b"")):
        with pytest.raises(MalformedMessage):
            parse_number({oids.CRL_NUMBER: (False, value)}, oids.CRL_NUMBER)
