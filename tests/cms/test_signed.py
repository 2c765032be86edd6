"""Reading signed messages: what openssl makes, what RFC 5652 allows, and what must be refused."""

from __future__ import annotations

import pytest

from shared.asn1 import oids, tags, writer
from shared.asn1.reader import read
from shared.cms.content import wrap
from shared.cms.identifiers import CertificateReference
from shared.cms.signed import SignedMessage
from shared.errors import AlgorithmRefused
from tests.asn1.ber_forms import streamed
from tests.cms import craft
from tests.cms.identity import Identity
from tests.cms.openssl import OpenSSL

CONTENT = bytes(range(256)) * 20
SIGN = ("cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-inkey")


@pytest.mark.parametrize("who", ["rsa", "ec"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
@pytest.mark.parametrize("form", [(), ("-stream",), ("-keyid",), ("-nosmimecap",)])
def test_what_openssl_signs(
    openssl: OpenSSL, request: pytest.FixtureRequest, who: str, digest: str, form: tuple[str, ...]
) -> None:
    signer: Identity = request.getfixturevalue(f"{who}_identity")
    arguments = (*SIGN, f"{who}.key", "-signer", f"{who}.pem", "-md", digest, *form)
    message = SignedMessage.parse(openssl.run(*arguments, data=CONTENT))
    assert (message.content, message.content_type, message.digest) == (CONTENT, oids.DATA, digest)
    assert message.certificates == (message.signer_certificate,) == (signer.der,)
    message.verify(signer.public_key)


@pytest.mark.parametrize("salt", ["digest", "max", "20"])
@pytest.mark.parametrize("mask", ["sha256", "sha1", "sha512"])
def test_what_openssl_signs_with_pss(openssl: OpenSSL, rsa_identity: Identity, salt: str, mask: str) -> None:
    options = ("rsa_padding_mode:pss", f"rsa_pss_saltlen:{salt}", f"rsa_mgf1_md:{mask}")
    # -keyopt belongs to the signer before it
    who = ("-signer", "rsa.pem", "-inkey", "rsa.key", "-md", "sha256")
    keyopt = [word for option in options for word in ("-keyopt", option)]
    message = SignedMessage.parse(openssl.run(*SIGN[:-1], *who, *keyopt, data=CONTENT))
    assert message.signature_algorithm.startswith(b"\x30")
    message.verify(rsa_identity.public_key)


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_legacy_digests_need_permission(openssl: OpenSSL, rsa_identity: Identity, digest: str) -> None:
    arguments = (*SIGN, "rsa.key", "-signer", "rsa.pem", "-md", digest)
    message = SignedMessage.parse(openssl.run(*arguments, data=CONTENT))
    message.verify(rsa_identity.public_key, allow_legacy=True)
    with pytest.raises(AlgorithmRefused, match=f"{digest} is a legacy digest"):
        message.verify(rsa_identity.public_key)


def test_several_certificates_in_the_bag(openssl: OpenSSL, rsa_identity: Identity) -> None:
    arguments = (*SIGN, "rsa.key", "-signer", "rsa.pem", "-certfile", "other.pem")
    message = SignedMessage.parse(openssl.run(*arguments, data=CONTENT))
    assert len(message.certificates) == 2
    assert message.signer_certificate == rsa_identity.der


@pytest.mark.parametrize("content", [CONTENT, b"", None])
def test_content_may_be_empty_or_absent(rsa_identity: Identity, content: bytes | None) -> None:
    info = craft.signer_info(rsa_identity, [craft.content_type(), craft.message_digest(content or b"")])
    message = SignedMessage.parse(craft.signed_data(content, [info], [rsa_identity.der]))
    assert message.content == content
    message.verify(rsa_identity.public_key)


def test_attributes_are_found_by_their_identifier(ec_identity: Identity) -> None:
    nonce, kind = writer.octet_string(b"nonce"), writer.printable_string("19")
    attributes = [
        craft.attribute(oids.SCEP_SENDER_NONCE, nonce),
        craft.content_type(),
        craft.attribute(oids.SCEP_MESSAGE_TYPE, kind, kind),
        craft.message_digest(CONTENT),
    ]
    message = SignedMessage.parse(craft.message(ec_identity, CONTENT, attributes))
    message.verify(ec_identity.public_key)
    assert list(message.attributes) == [
        oids.SCEP_SENDER_NONCE,
        oids.CONTENT_TYPE,
        oids.SCEP_MESSAGE_TYPE,
        oids.MESSAGE_DIGEST,
    ]
    assert [element.encoded for element in message.attributes[oids.SCEP_SENDER_NONCE]] == [nonce]
    assert [element.encoded for element in message.attributes[oids.SCEP_MESSAGE_TYPE]] == [kind, kind]


def test_unsorted_attributes_may_be_signed_sorted(ec_identity: Identity) -> None:
    attributes = sorted([craft.content_type(), craft.message_digest(CONTENT)], reverse=True)
    info = craft.signer_info(ec_identity, attributes, to_sign=writer.set_of(attributes))
    message = SignedMessage.parse(craft.signed_data(CONTENT, [info], [ec_identity.der]))
    message.verify(ec_identity.public_key)


def test_the_content_type_attribute_may_be_missing(ec_identity: Identity) -> None:
    message = SignedMessage.parse(craft.message(ec_identity, CONTENT, [craft.message_digest(CONTENT)]))
    message.verify(ec_identity.public_key)


def test_unsigned_attributes_attribute_certificates_and_crls_are_passed_over(ec_identity: Identity) -> None:
    info = read(craft.signer_info(ec_identity, [craft.content_type(), craft.message_digest(CONTENT)]))
    unsigned = writer.context(1, craft.attribute("1.2.3", writer.null()))
    with_unsigned = writer.sequence(info.contents, unsigned)
    bag = [ec_identity.der, writer.context(2, writer.null())]
    signed_data = read(craft.signed_data(CONTENT, [with_unsigned], bag)).children()[1].only_child()
    fields = [child.encoded for child in signed_data.children()]
    fields.insert(4, writer.context(1, writer.sequence()))
    message = SignedMessage.parse(wrap(oids.SIGNED_DATA, writer.sequence(*fields)))
    message.verify(ec_identity.public_key)
    assert message.certificates == (ec_identity.der,)
    assert message.signer == CertificateReference(ec_identity.certificate.issuer.public_bytes(), 3)


def test_a_streamed_message_is_verified(ec_identity: Identity) -> None:
    sent = streamed(craft.message(ec_identity, CONTENT))
    assert sent[1] == 0x80
    message = SignedMessage.parse(sent)
    message.verify(ec_identity.public_key)
    assert message.content == CONTENT


def test_nothing_signed_is_in_the_repr(ec_identity: Identity) -> None:
    secret = craft.attribute("1.2.3", writer.tlv(tags.UTF8_STRING, b"attribute-value"))
    attributes = [craft.content_type(), craft.message_digest(CONTENT), secret]
    assert "attribute-value" not in repr(SignedMessage.parse(craft.message(ec_identity, CONTENT, attributes)))
