"""A failed decryption tells nothing, and what is wrong with us is not the sender's fault."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from shared.asn1 import oids, writer
from shared.asn1.reader import read
from shared.cms.content import wrap
from shared.cms.enveloped import EnvelopedMessage, seal
from shared.errors import IntegrityFailure, MalformedMessage
from tests.cms.identity import Identity

CONTENT = b"\x00secret content\xff" * 100


def _wrapped(identity: Identity, wrapped_key: bytes, iv: bytes, encrypted: bytes, transport: bytes) -> bytes:
    template = EnvelopedMessage.parse(seal(b"", identity.der, identity.public_key))
    reference = template.recipients[0].reference
    recipient = writer.sequence(
        writer.integer(0),
        writer.sequence(reference.issuer, writer.integer(reference.serial)),
        transport,
        writer.octet_string(wrapped_key),
    )
    content = writer.sequence(
        writer.oid(oids.DATA),
        writer.sequence(writer.oid(oids.AES_128_CBC), writer.octet_string(iv)),
        writer.context(0, encrypted, constructed=False),
    )
    enveloped = writer.sequence(writer.integer(0), writer.set_of([recipient]), content)
    return wrap(oids.ENVELOPED_DATA, enveloped)


def test_failures_cannot_be_told_apart(rsa_identity: Identity) -> None:
    """A key that does not unwrap, one of the wrong size, wrong padding, half a block: one and the same."""
    assert isinstance(rsa_identity.key, rsa.RSAPrivateKey)
    public_key = rsa_identity.key.public_key()
    pkcs1 = writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null())
    oaep = writer.sequence(writer.oid(oids.RSAES_OAEP), writer.sequence())
    good = public_key.encrypt(bytes(16), padding.PKCS1v15())
    short = public_key.encrypt(bytes(15), padding.PKCS1v15())
    cases = [
        (good, bytes(64), pkcs1),
        (good, bytes(63), pkcs1),
        (good, b"", pkcs1),
        (short, bytes(64), pkcs1),
        (bytes(256), bytes(64), pkcs1),
        (b"\x01" * 255, bytes(64), pkcs1),
        (b"", bytes(64), pkcs1),
        (b"\xff" * 256, bytes(64), pkcs1),
        (good, bytes(64), oaep),
        (b"\xff" * 300, bytes(64), oaep),
    ]
    seen = set()
    for wrapped_key, encrypted, transport in cases:
        message = EnvelopedMessage.parse(_wrapped(rsa_identity, wrapped_key, bytes(16), encrypted, transport))
        with pytest.raises(IntegrityFailure) as failure:
            message.open([(rsa_identity.der, rsa_identity.key)], random=bytes)
        seen.add((failure.value.reason, failure.value.public, failure.value.__cause__))
    assert seen == {("the envelope does not open", IntegrityFailure.public, None)}


def test_an_unwrapped_key_of_the_wrong_size_is_replaced_by_a_random_one(rsa_identity: Identity) -> None:
    assert isinstance(rsa_identity.key, rsa.RSAPrivateKey)
    public_key = rsa_identity.key.public_key()
    pkcs1 = writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null())
    decoy, iv = b"\x07" * 16, bytes(16)
    sealed = read(
        seal(CONTENT, rsa_identity.der, public_key, cipher="aes-128-cbc", random=lambda n: b"\x07" * n)
    )
    encrypted = sealed.children()[1].only_child().children()[2].children()[2].contents
    for wrapped_key in (public_key.encrypt(bytes(17), padding.PKCS1v15()), b"too short"):
        sent = _wrapped(rsa_identity, wrapped_key, b"\x07" * len(iv), encrypted, pkcs1)
        opened = EnvelopedMessage.parse(sent).open(
            [(rsa_identity.der, rsa_identity.key)], random=lambda n: decoy[:n]
        )
        assert opened == (CONTENT, 0)


@pytest.mark.parametrize("iv", [b"", bytes(8), bytes(17)])
def test_an_iv_of_the_wrong_size_is_malformed(rsa_identity: Identity, iv: bytes) -> None:
    pkcs1 = writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null())
    assert isinstance(rsa_identity.key, rsa.RSAPrivateKey)
    message = EnvelopedMessage.parse(_wrapped(rsa_identity, bytes(256), iv, bytes(16), pkcs1))
    with pytest.raises(MalformedMessage, match="initialisation vector"):
        message.open([(rsa_identity.der, rsa_identity.key)])


def test_a_remote_key_that_is_away_is_not_a_damaged_message(rsa_identity: Identity) -> None:
    class Away(Exception):
        pass

    class RemoteKey:
        def decrypt(self, *_: object) -> bytes:
            raise Away

    message = EnvelopedMessage.parse(seal(CONTENT, rsa_identity.der, rsa_identity.public_key))
    with pytest.raises(Away):
        message.open([(rsa_identity.der, RemoteKey())])  # type: ignore[list-item]
