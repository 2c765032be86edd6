"""Signed messages that are refused, each for its own reason."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from shared.asn1 import oids, writer
from shared.asn1.reader import read
from shared.cms.content import wrap
from shared.cms.signed import SignedMessage
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from shared.keys import digests
from tests.cms import craft
from tests.cms.identity import Identity
from tests.cms.openssl import OpenSSL

CONTENT = b"content"


@pytest.mark.parametrize(
    "attributes",
    [
        [craft.content_type()],
        [craft.content_type(), craft.message_digest(CONTENT + b"!")],
        [craft.content_type(oids.SIGNED_DATA), craft.message_digest(CONTENT)],
    ],
)
def test_signed_attributes_must_fit_the_content(ec_identity: Identity, attributes: list[bytes]) -> None:
    message = SignedMessage.parse(craft.message(ec_identity, CONTENT, attributes))
    with pytest.raises(IntegrityFailure):
        message.verify(ec_identity.public_key)


def test_attributes_with_the_wrong_number_of_values_are_refused(ec_identity: Identity) -> None:
    good = writer.octet_string(digests.by_name("sha256").compute(CONTENT))
    for found in ((), (good, good)):
        attributes = [craft.content_type(), craft.attribute(oids.MESSAGE_DIGEST, *found)]
        message = SignedMessage.parse(craft.message(ec_identity, CONTENT, attributes))
        with pytest.raises(MalformedMessage, match="values in an attribute"):
            message.verify(ec_identity.public_key)


def test_two_attributes_of_one_type_are_refused(ec_identity: Identity) -> None:
    attributes = [craft.content_type(), craft.message_digest(CONTENT), craft.message_digest(b"other")]
    with pytest.raises(MalformedMessage, match="two signed attributes"):
        SignedMessage.parse(craft.message(ec_identity, CONTENT, attributes))


def test_the_number_of_signers_is_one(ec_identity: Identity, rsa_identity: Identity) -> None:
    attributes = [craft.content_type(), craft.message_digest(CONTENT)]
    infos = [craft.signer_info(signer, attributes) for signer in (ec_identity, rsa_identity)]
    for signer_infos in ([], infos):
        with pytest.raises(MalformedMessage, match="signers where one"):
            SignedMessage.parse(craft.signed_data(CONTENT, signer_infos, [ec_identity.der, rsa_identity.der]))


def test_signed_attributes_may_not_be_left_out(openssl: OpenSSL) -> None:
    command = ("cms", "-sign", "-binary", "-nodetach", "-noattr", "-outform", "DER")
    sent = openssl.run(*command, "-inkey", "rsa.key", "-signer", "rsa.pem", data=CONTENT)
    with pytest.raises(MalformedMessage, match="0xa0 was expected"):
        SignedMessage.parse(sent)


def test_the_signer_certificate_must_be_there(ec_identity: Identity, rsa_identity: Identity) -> None:
    info = craft.signer_info(ec_identity, [craft.content_type(), craft.message_digest(CONTENT)])
    for bag in ([], [rsa_identity.der]):
        with pytest.raises(MalformedMessage, match="certificate is not in the message"):
            SignedMessage.parse(craft.signed_data(CONTENT, [info], bag))


def test_a_certificate_of_the_same_name_and_serial_does_not_help(ec_identity: Identity) -> None:
    twin = Identity.make(ec.generate_private_key(ec.SECP256R1()), "ec", serial=3)
    info = craft.signer_info(ec_identity, [craft.content_type(), craft.message_digest(CONTENT)])
    message = SignedMessage.parse(craft.signed_data(CONTENT, [info], [twin.der]))
    assert message.signer_certificate == twin.der
    with pytest.raises(IntegrityFailure):
        message.verify(twin.public_key)


def test_an_unknown_digest_is_refused_when_it_matters(ec_identity: Identity) -> None:
    attributes = [craft.content_type(), craft.message_digest(CONTENT)]
    unknown = writer.sequence(writer.oid("1.2.3"))
    info = craft.signer_info(ec_identity, attributes, digest=unknown)
    message = SignedMessage.parse(craft.signed_data(CONTENT, [info], [ec_identity.der]))
    assert message.digest_oid == "1.2.3"
    with pytest.raises(AlgorithmRefused, match="is not known"):
        message.verify(ec_identity.public_key)
    with pytest.raises(AlgorithmRefused, match="is not known"):
        _ = message.digest


def test_another_kind_of_key_is_refused(ec_identity: Identity) -> None:
    message = SignedMessage.parse(craft.message(ec_identity, CONTENT))
    with pytest.raises(IntegrityFailure):
        message.verify(ed25519.Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        writer.null(),
        writer.sequence(),
        writer.sequence(writer.oid(oids.SIGNED_DATA)),
        wrap(oids.DATA, writer.octet_string(b"")),
        wrap(oids.SIGNED_DATA, writer.null()),
        wrap(oids.SIGNED_DATA, writer.sequence()),
        writer.sequence(writer.oid(oids.SIGNED_DATA), writer.context(0, b"")),
        writer.sequence(writer.oid(oids.SIGNED_DATA), writer.context(0, writer.sequence()), writer.null()),
    ],
)
def test_what_is_no_signed_data(sent: bytes) -> None:
    with pytest.raises(MalformedMessage):
        SignedMessage.parse(sent)


def test_content_that_is_not_octets_is_refused(ec_identity: Identity) -> None:
    sent = read(craft.message(ec_identity, b"ab"))
    broken = sent.encoded.replace(
        writer.context(0, writer.octet_string(b"ab")), writer.context(0, b"\x05\x00\x05\x00")
    )
    assert len(broken) == len(sent.encoded)
    with pytest.raises(MalformedMessage):
        SignedMessage.parse(broken)
