"""Messages in BER, at either layer or both, and sets in any order: served as their DER would be."""

from __future__ import annotations

import itertools

import pytest

from shared.asn1 import oids, tags, writer
from shared.asn1.pem import pem
from shared.asn1.reader import read, read_der
from shared.cms.content import wrap
from shared.keys import digests, signatures
from shared.scep.message import PKIStatus
from tests.programs import OpenSSL
from tests.scep.authority import World, csr, key, self_signed
from tests.scep.ber_messages import FORMS
from tests.scep.crafting import USUAL, ask, certified, envelope, message


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def request_of(world: World) -> bytes:
    return csr(challenge=world.challenge())


def signed_parts(der: bytes) -> frozenset[bytes]:
    """What in a signed message is covered by a signature: the certificate and the signed attributes."""
    fields = read_der(der).children()[1].only_child().children()
    certificate = fields[3].only_child().encoded
    signer = fields[4].only_child().children()
    return frozenset((certificate, signer[3].encoded))


@pytest.mark.parametrize("form", FORMS)
def test_a_form_says_where_it_comes_from_and_is_no_der(world: World, form: str, openssl: OpenSSL) -> None:
    """OpenSSL reads it too, so it is BER and no nonsense of ours."""
    sealed = envelope(world, request_of(world))
    sent = FORMS[form].of(sealed)
    assert FORMS[form].origin
    assert sent != sealed
    assert b"pkcs7-envelopedData" in openssl.run("asn1parse", "-inform", "DER", data=sent)
    assert b"envelopedData" in openssl.run("cms", "-cmsout", "-print", "-inform", "DER", data=sent)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("layer", ["outer", "inner", "both"])
def test_a_message_in_ber_is_served(world: World, form: str, layer: str) -> None:
    sealed = envelope(world, request_of(world))
    if layer != "outer":
        sealed = FORMS[form].of(sealed)
    sent = message(sealed)
    if layer != "inner":
        changed = FORMS[form].of(sent, signed_parts(sent))
        assert changed != sent or form == "sealed content in pieces"
        sent = changed
    assert ask(world, sent).status is PKIStatus.SUCCESS


def by_hand(
    world: World, attributes: list[bytes], certificates: list[bytes], *, sorted_when_signed: bool
) -> bytes:
    """A PKCSReq with signed attributes and certificates in just the order given."""
    signer, content = self_signed(), envelope(world, request_of(world))
    digest = digests.by_name("sha256")
    whole = [
        _attribute(oids.CONTENT_TYPE, writer.oid(oids.DATA)),
        _attribute(oids.MESSAGE_DIGEST, writer.octet_string(digest.compute(content))),
        *attributes,
    ]
    sent = writer.tlv(tags.SET, b"".join(whole))
    covered = writer.set_of(whole) if sorted_when_signed else sent
    info = writer.sequence(
        writer.integer(1),
        writer.sequence(signer.certificate.issuer.encoded, writer.integer(signer.certificate.serial)),
        digest.identifier,
        bytes((tags.context(0),)) + sent[1:],
        signatures.signature_algorithm(signer.key),
        writer.octet_string(signatures.sign(signer.key, covered)),
    )
    signed_data = writer.sequence(
        writer.integer(1),
        writer.set_of([digest.identifier]),
        writer.sequence(writer.oid(oids.DATA), writer.context(0, writer.octet_string(content))),
        writer.context(0, b"".join(certificates)),
        writer.set_of([info]),
    )
    return wrap(oids.SIGNED_DATA, signed_data)


def _attribute(oid: str, value: bytes) -> bytes:
    return writer.sequence(writer.oid(oid), writer.set_of([value]))


@pytest.mark.parametrize("sorted_when_signed", [False, True])
@pytest.mark.parametrize("order", [slice(None), slice(None, None, -1)])
def test_signed_attributes_in_any_order(world: World, order: slice, sorted_when_signed: bool) -> None:
    """Some sign what they send, and some what DER would have them send."""
    attributes = [_attribute(oid, value) for oid, value in USUAL.items() if value is not None]
    bag = [self_signed().certificate.der]
    sent = by_hand(world, attributes[order], bag, sorted_when_signed=sorted_when_signed)
    assert ask(world, sent).status is PKIStatus.SUCCESS


def test_certificates_in_any_order(world: World) -> None:
    attributes = [_attribute(oid, value) for oid, value in USUAL.items() if value is not None]
    others = [certified(key(1), serial=7).der, world.issuer.certificate.der]
    for bag in itertools.permutations([self_signed().certificate.der, *others]):
        sent = by_hand(world, attributes, list(bag), sorted_when_signed=False)
        assert ask(world, sent).status is PKIStatus.SUCCESS


def test_a_streamed_envelope_of_openssl_is_served(world: World, openssl: OpenSSL) -> None:
    (openssl.folder / "ra.pem").write_bytes(pem("CERTIFICATE", world.ra.certificate.der))
    command = ["cms", "-encrypt", "-stream", "-binary", "-outform", "DER", "-aes-256-cbc", "ra.pem"]
    sealed = openssl.run(*command, data=request_of(world))
    assert sealed[1] == 0x80
    assert read(sealed).encoded != sealed
    assert ask(world, message(sealed)).status is PKIStatus.SUCCESS
