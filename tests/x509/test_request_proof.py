"""Requests: possession is proven over the bytes as sent; what is ambiguous or too long is refused."""

from __future__ import annotations

import pytest

from shared.asn1 import oids, tags, writer
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from shared.keys.ports import public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.extensions import Extension, key_usage
from shared.x509.request import MAX_REQUEST, CertificateRequest
from shared.x509.request_attributes import MAX_CHALLENGE
from tests.x509.material import (
    attribute,
    challenge,
    extension_request,
    key,
    make_request,
    request_info,
    signed_request,
    subject,
)

_NAME = subject(writer.utf8_string("device"))
_USAGE = key_usage(["digitalSignature"]).encoded
_SECRET = challenge(writer.printable_string("secret"))


def test_another_key_proves_nothing() -> None:
    info = request_info(_NAME, public_key_info(key()))
    with pytest.raises(IntegrityFailure):
        CertificateRequest.from_der(signed_request(info, key(holder="somebody")))


def test_a_signature_of_another_kind_of_key_proves_nothing() -> None:
    info = request_info(_NAME, public_key_info(key()))
    with pytest.raises(IntegrityFailure):
        CertificateRequest.from_der(signed_request(info, key("p-256")))


def test_every_octet_of_the_signed_part_counts() -> None:
    der = make_request([_SECRET])
    damaged = der.replace(b"secret", b"sEcret")
    assert damaged != der
    with pytest.raises(IntegrityFailure):
        CertificateRequest.from_der(damaged)


def test_sorting_the_attributes_would_break_the_proof() -> None:
    attributes = sorted([_SECRET, extension_request(_USAGE)], reverse=True)
    sent, tidy = request_info(_NAME, public_key_info(key()), attributes), request_info(
        _NAME, public_key_info(key()), sorted(attributes)
    )  # fmt: skip
    assert sent != tidy
    CertificateRequest.from_der(signed_request(sent, key()))
    mixed = writer.sequence(tidy, signature_algorithm(key()), writer.bit_string(sign(key(), sent)))
    with pytest.raises(IntegrityFailure):
        CertificateRequest.from_der(mixed)


def test_an_unknown_signature_algorithm() -> None:
    der = signed_request(
        request_info(_NAME, public_key_info(key())), key(), algorithm=writer.sequence(writer.oid("1.2.3"))
    )
    with pytest.raises(AlgorithmRefused):
        CertificateRequest.from_der(der)


@pytest.mark.parametrize(
    "attributes",
    [
        [_SECRET, _SECRET],
        [_SECRET, challenge(writer.utf8_string("other"))],
        [extension_request(_USAGE), extension_request(_USAGE)],
        [extension_request(_USAGE, _USAGE)],
        [attribute(oids.EXTENSION_REQUEST, writer.sequence(_USAGE), writer.sequence(_USAGE))],
        [extension_request(_USAGE), extension_request(_USAGE, oid=oids.MS_EXTENSION_REQUEST)],
        [attribute(oids.FRIENDLY_NAME, writer.null())] * 2,
        [challenge(writer.null())],
        [challenge(writer.tlv(tags.UTF8_STRING, b"\xff"))],
        [challenge(writer.octet_string(b"secret"))],
        [extension_request(Extension(oids.SUBJECT_ALTERNATIVE_NAME, False, b"\x00").encoded)],
        [extension_request(Extension(oids.KEY_USAGE, False, writer.null()).encoded)],
        [extension_request(Extension(oids.EXTENDED_KEY_USAGE, False, writer.null()).encoded)],
        [writer.sequence(writer.oid(oids.FRIENDLY_NAME))],
        [writer.null()],
    ],
)
def test_attributes_that_are_refused(attributes: list[bytes]) -> None:
    with pytest.raises(MalformedMessage):
        CertificateRequest.from_der(make_request(attributes))


def test_the_version_is_the_only_one_there_is() -> None:
    info = request_info(_NAME, public_key_info(key()), version=1)
    with pytest.raises(MalformedMessage, match="version"):
        CertificateRequest.from_der(signed_request(info, key()))
    CertificateRequest.from_der(signed_request(request_info(_NAME, public_key_info(key())), key()))


def test_sizes_have_an_end() -> None:
    fits = challenge(writer.printable_string("A" * (MAX_CHALLENGE - 4)))
    assert CertificateRequest.from_der(make_request([fits])).challenge == "A" * (MAX_CHALLENGE - 4)
    with pytest.raises(MalformedMessage, match="challenge"):
        CertificateRequest.from_der(make_request([challenge(writer.printable_string("A" * MAX_CHALLENGE))]))
    ballast = attribute(oids.FRIENDLY_NAME, writer.octet_string(b"A" * MAX_REQUEST))
    with pytest.raises(MalformedMessage, match="a request of more"):
        CertificateRequest.from_der(make_request([ballast]))
