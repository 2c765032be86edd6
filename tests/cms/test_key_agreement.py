"""Key agreement (RFC 5753): what we agree on is what OpenSSL agrees on, in both directions and with a known answer."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shared.asn1 import oids, tags, values
from shared.asn1.reader import Fields, read_der
from shared.cms.enveloped import EnvelopedMessage, seal_for
from shared.cms.identifiers import issuer_and_serial_number
from shared.cms.key_agreement import agreed, open_agreed
from shared.errors import AlgorithmRefused, IntegrityFailure
from tests.cms.identity import Identity
from tests.cms.openssl import OpenSSL

CONTENT = b"a content that two keys agree on"
ONE = ec.derive_private_key(1, ec.SECP256R1())


def private(identity: Identity) -> ec.EllipticCurvePrivateKey:
    assert isinstance(identity.key, ec.EllipticCurvePrivateKey)
    return identity.key


def sealed(identity: Identity) -> bytes:
    key, identifier = private(identity).public_key(), issuer_and_serial_number(identity.der)
    return seal_for(CONTENT, lambda content_key: agreed(content_key, key, identifier), version=2)


def test_openssl_opens_it(openssl: OpenSSL, ec_identity: Identity) -> None:
    options = ("-inform", "DER", "-recip", "ec.pem", "-inkey", "ec.key", "-binary")
    assert openssl.run("cms", "-decrypt", *options, data=sealed(ec_identity)) == CONTENT


def test_the_structure_is_that_of_the_rfc(ec_identity: Identity) -> None:
    message = EnvelopedMessage.parse(sealed(ec_identity))
    (recipient,) = message.agreements
    assert message.recipients == ()
    fields = Fields(recipient)
    assert values.integer(fields.take()) == 3
    originator = fields.take(tags.context(0)).only_child()
    assert originator.tag == tags.context(1)
    scheme = Fields(fields.take(tags.SEQUENCE))
    assert values.oid(scheme.take()) == oids.ECDH_STD_SHA256_KDF
    wrap = Fields(scheme.take(tags.SEQUENCE))
    assert values.oid(wrap.take()) == oids.AES_256_WRAP
    assert not wrap.more()  # RFC 3565 2.3.2: no parameters
    (encrypted,) = fields.take(tags.SEQUENCE).children()
    assert encrypted.children()[0].encoded == issuer_and_serial_number(ec_identity.der)


def test_a_known_answer() -> None:
    """Both keys 1: the shared secret is the x of the generator, and the wrapped key follows from RFC 5753 7.2 alone."""
    from hashlib import sha256

    from cryptography.hazmat.primitives.keywrap import aes_key_wrap

    shared = bytes.fromhex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
    wrap = bytes.fromhex("300b060960864801650304012d")  # id-aes256-wrap, no parameters
    info = b"\x30\x15" + wrap + b"\xa2\x06\x04\x04\x00\x00\x01\x00"
    kek = sha256(shared + b"\x00\x00\x00\x01" + info).digest()
    content_key = bytes(range(32))
    made = agreed(content_key, ONE.public_key(), b"\x30\x00", ephemeral=lambda: ONE)
    assert read_der(made).children()[-1].only_child().children()[1].contents == aes_key_wrap(kek, content_key)


@pytest.mark.parametrize("cipher", ["-aes-128-cbc", "-aes-256-cbc"])
def test_what_openssl_seals_is_opened(openssl: OpenSSL, ec_identity: Identity, cipher: str) -> None:
    options = ("-outform", "DER", "-binary", "-recip", "ec.pem", "-keyopt", "ecdh_kdf_md:sha256", cipher)
    made = openssl.run("cms", "-encrypt", *options, data=CONTENT)
    assert open_agreed(EnvelopedMessage.parse(made), private(ec_identity)) == CONTENT


def test_another_key_or_another_curve_opens_nothing(ec_identity: Identity) -> None:
    message = EnvelopedMessage.parse(sealed(ec_identity))
    with pytest.raises(IntegrityFailure):
        open_agreed(message, ONE)
    with pytest.raises(Exception, match="curve"):
        open_agreed(message, ec.generate_private_key(ec.SECP384R1()))


def test_only_p_256_is_agreed_on() -> None:
    other = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(AlgorithmRefused, match="P-256"):
        agreed(bytes(32), other, b"\x30\x00")


def test_an_envelope_for_rsa_is_not_opened_by_an_elliptic_key(openssl: OpenSSL) -> None:
    made = openssl.run("cms", "-encrypt", "-outform", "DER", "-aes-128-cbc", "rsa.pem", data=CONTENT)
    with pytest.raises(IntegrityFailure):
        open_agreed(EnvelopedMessage.parse(made), ONE)
