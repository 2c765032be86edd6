"""OCSP requests: what others build is read as they meant it, and what cannot be is refused."""

from __future__ import annotations

import random

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp

from shared.asn1 import oids, writer
from shared.asn1.pem import pem
from shared.errors import AlgorithmRefused, MalformedMessage
from shared.x509.extensions import Extension
from shared.x509.ocsp import MAX_CERTIFICATES, MAX_REQUEST, CertID, OCSPRequest, all_hashes_of
from tests.asn1.ber_forms import streamed, to_ber
from tests.programs import OpenSSL
from tests.x509.ocsp_material import (
    SERIAL,
    asked,
    authority,
    cert_id,
    nonce,
    request,
    signed_with,
    single,
)

DIGESTS = {
    "sha1": hashes.SHA1(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
UNKNOWN = Extension("1.2.3.4", False, b"\x05\x00")
NULL = writer.null()


@pytest.mark.parametrize("digest", DIGESTS)
def test_the_librarys_request_is_read_as_it_was_meant(digest: str) -> None:
    ca = x509.load_der_x509_certificate(authority()[0].der)
    builder = ocsp.OCSPRequestBuilder().add_certificate(ca, ca, DIGESTS[digest])
    made = builder.add_extension(x509.OCSPNonce(b"n" * 20), critical=False).build()
    found = OCSPRequest.parse(made.public_bytes(Encoding.DER))
    assert found.nonce == b"n" * 20
    (certificate,) = found.certificates
    assert certificate.issuer == (asked(digest=digest).issuer)
    assert certificate.issuer[1:] == (made.issuer_name_hash, made.issuer_key_hash)
    assert certificate.serial == made.serial_number


@pytest.mark.parametrize("digest", DIGESTS)
def test_the_library_reads_ours(digest: str) -> None:
    ours = OCSPRequest((asked(digest=digest),), b"nonce")
    found = ocsp.load_der_ocsp_request(ours.encoded)
    assert (found.serial_number, found.hash_algorithm.name) == (SERIAL, digest)
    assert found.extensions.get_extension_for_class(x509.OCSPNonce).value.nonce == b"nonce"
    assert OCSPRequest.parse(ours.encoded) == ours


def test_openssls_request_for_several_is_read(openssl: OpenSSL) -> None:
    (openssl.folder / "ca.pem").write_bytes(pem("CERTIFICATE", authority()[0].der))
    several = ["-serial", "0x11", "-sha256", "-serial", "0x12", "-sha512", "-serial", "0x2713"]
    openssl.run("ocsp", "-issuer", "ca.pem", *several, "-nonce", "-reqout", "request.der")
    found = OCSPRequest.parse((openssl.folder / "request.der").read_bytes())
    named = [(each.issuer, each.serial) for each in found.certificates]
    expected = [("sha1", 0x11), ("sha256", 0x12), ("sha512", 0x2713)]
    assert named == [(asked(serial, digest).issuer, serial) for digest, serial in expected]
    assert found.nonce is not None
    assert len(found.nonce) == 16


def test_an_issuer_is_known_by_every_digest() -> None:
    hashes_ = all_hashes_of(authority()[0])
    assert [oid for oid, _, _ in hashes_] == [oids.SHA1, oids.SHA256, oids.SHA384, oids.SHA512]
    assert [len(key) for _, _, key in hashes_] == [20, 32, 48, 64]
    with pytest.raises(AlgorithmRefused):
        CertID.of(authority()[0], 1, "sha3-256")


@pytest.mark.parametrize("parameters", [NULL, b""])
def test_a_certificate_is_named_again_as_it_was(parameters: bytes) -> None:
    element = cert_id(algorithm=writer.sequence(writer.oid(oids.SHA256), parameters))
    (found,) = OCSPRequest.parse(request(single(element))).certificates
    assert found.encoded == element


def test_a_digest_that_nobody_knows_is_still_a_request() -> None:
    element = cert_id(algorithm=writer.sequence(writer.oid("2.999.1")))
    assert OCSPRequest.parse(request(single(element))).certificates[0].issuer[0] == "2.999.1"


def test_who_asks_and_what_was_signed_is_not_looked_at() -> None:
    found = OCSPRequest.parse(signed_with())
    assert found.certificates == (asked(),)


@pytest.mark.parametrize("form", [streamed, lambda der: to_ber(der, random.Random(6960).randrange)])
def test_ber_is_taken(form: object) -> None:
    for der in (request(extensions=(nonce(b"n" * 32),)), signed_with()):
        assert callable(form)
        assert OCSPRequest.parse(form(der)) == OCSPRequest.parse(der)


@pytest.mark.parametrize("octets", [1, 16, 32, 128])
def test_a_nonce_of_these_lengths_is_kept(octets: int) -> None:
    for critical in (False, True):
        found = OCSPRequest.parse(request(extensions=(nonce(b"x" * octets, critical=critical),)))
        assert found.nonce == b"x" * octets


@pytest.mark.parametrize("octets", [0, 129, 2048])
def test_a_nonce_of_another_length_is_malformed(octets: int) -> None:
    with pytest.raises(MalformedMessage, match="a nonce of"):
        OCSPRequest.parse(request(extensions=(nonce(b"x" * octets),)))


def test_extensions_that_are_no_more_than_a_wish_are_left_aside() -> None:
    wishes = [
        UNKNOWN,
        Extension(oids.OCSP_RESPONSE_TYPES, True, writer.sequence(writer.oid(oids.OCSP_BASIC))),
        Extension(oids.OCSP_PREFERRED_ALGORITHMS, True, writer.sequence()),
    ]
    found = OCSPRequest.parse(request(single(None, *wishes), extensions=(*wishes, nonce(b"n"))))
    assert found == OCSPRequest((asked(),), b"n")


def test_as_many_as_there_may_be() -> None:
    several = [single(asked(serial).encoded) for serial in range(1, MAX_CERTIFICATES + 1)]
    assert len(OCSPRequest.parse(request(*several)).certificates) == MAX_CERTIFICATES


CRITICAL = Extension("1.2.3.4", True, b"\x05\x00")
MALFORMED = {
    "nothing": b"",
    "no DER": b"\xff" * 40,
    "no request": writer.sequence(),
    "a response": writer.sequence(writer.tlv(0x0A, b"\x00")),
    "bytes behind it": request() + b"\x00",
    "cut off": request()[:-1],
    "version 2": request(version=writer.context(0, writer.integer(1))),
    "version of octets": request(version=writer.context(0, writer.octet_string(b"\x00"))),
    "for nobody": request(list=writer.sequence()),
    "for too many": request(*[single()] * (MAX_CERTIFICATES + 1)),
    "more fields": request(more=writer.null()),
    "more beside the signature": writer.sequence(
        writer.sequence(writer.sequence(single())), writer.context(0, b""), writer.null()
    ),
    "no list": request(list=writer.integer(1)),
    "a certificate that is none": request(writer.null()),
    "a certificate and more": request(writer.sequence(asked().encoded, writer.null())),
    "an issuer by its name": request(single(cert_id(algorithm=writer.oid(oids.SHA1)))),
    "a digest with parameters": request(
        single(cert_id(algorithm=writer.sequence(writer.oid(oids.SHA1), writer.sequence())))
    ),
    "a digest without": request(single(cert_id(algorithm=writer.sequence()))),
    "a serial in octets": request(single(cert_id(serial=writer.octet_string(b"\x01")))),
    "a serial of no octets": request(single(cert_id(serial=b"\x02\x00"))),
    "an absurd serial": request(single(cert_id(serial=writer.integer(1 << 512)))),
    "a CertID and more": request(single(cert_id(more=NULL))),
    "unknown and critical": request(extensions=(CRITICAL,)),
    "unknown and critical for one": request(single(None, CRITICAL)),
    "two nonces": request(extensions=(nonce(b"a"), nonce(b"b"))),
    "a nonce without its OCTET STRING": request(
        extensions=(Extension(oids.OCSP_NONCE, False, b"0123456789abcdef"),)
    ),
    "a nonce and more": request(
        extensions=(Extension(oids.OCSP_NONCE, False, writer.octet_string(b"n") + NULL),)
    ),
    "huge": request(*[single(cert_id(name_hash=bytes(2000)))] * 9),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_cannot_be_is_malformed(name: str) -> None:
    with pytest.raises(MalformedMessage):
        OCSPRequest.parse(MALFORMED[name])


def test_a_request_may_be_as_large_as_it_may_and_not_an_octet_larger() -> None:
    def padded(octets: int) -> bytes:
        return request(requestor=writer.context(1, writer.octet_string(bytes(octets))))

    room = MAX_REQUEST - len(padded(10_000)) + 10_000
    assert len(padded(room)) == MAX_REQUEST
    assert OCSPRequest.parse(padded(room)).certificates == (asked(),)
    with pytest.raises(MalformedMessage, match="an OCSP request of"):
        OCSPRequest.parse(padded(room + 1))
