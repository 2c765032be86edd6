"""Requests of real clients: parse, verify, open, and find the PKCS #10 request inside."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from shared.asn1 import oids, values
from shared.asn1.normalise import normalise
from shared.asn1.reader import read
from shared.cms.enveloped import EnvelopedMessage
from shared.cms.signed import SignedMessage
from shared.errors import AlgorithmRefused, IntegrityFailure
from shared.keys.ports import DecryptionKey
from tests.asn1.ber_forms import streamed
from tests.cms import vectors

CIPHERS = {
    "scepclient": ("sha1", "des-cbc", "rsa"),
    "strongswan": ("sha256", "aes-128-cbc", "rsa"),
    "strongswan-pss": ("sha512", "des-ede3-cbc", "rsa"),
    "certmonger": ("sha256", "aes-256-cbc", "rsa"),
    "bouncycastle-rsa": ("sha512", "aes-128-cbc", "rsa"),
    "bouncycastle-oaep": ("sha512", "aes-128-cbc", "rsa-oaep-256"),
    "bouncycastle-keyid": ("sha512", "aes-128-cbc", "rsa"),
}
LEGACY = {"scepclient", "strongswan-pss"}


def test_every_vector_is_described() -> None:
    assert set(CIPHERS) == set(vectors.NAMES)


@pytest.mark.parametrize("name", vectors.NAMES)
def test_a_request_is_verified_and_opened(name: str, recipient: tuple[bytes, DecryptionKey]) -> None:
    message = SignedMessage.parse(vectors.message(name))
    message.verify(vectors.public_key(message.signer_certificate), allow_legacy=True)
    assert message.content is not None
    envelope = EnvelopedMessage.parse(message.content)
    request, index = envelope.open([recipient], allow_legacy=True)
    transport = envelope.recipients[0].key_transport.name
    assert (message.digest, envelope.cipher, transport) == CIPHERS[name]
    assert index == 0
    _check_request(request, message)


def _check_request(request: bytes, message: SignedMessage) -> None:
    assert read(request).encoded == request
    try:
        subject = x509.load_der_x509_csr(request).subject
    except ValueError:  # strongSwan's attributes are not in DER order; pyca refuses them
        assert b"dev2.example.org" in request
    else:
        assert str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value).startswith("dev")
    assert values.text(message.attributes[oids.SCEP_MESSAGE_TYPE][0]) == "19"
    assert values.text(message.attributes[oids.SCEP_TRANSACTION_ID][0])
    assert values.octets(message.attributes[oids.SCEP_SENDER_NONCE][0])


@pytest.mark.parametrize("name", sorted(LEGACY))
def test_legacy_algorithms_need_permission(name: str, recipient: tuple[bytes, DecryptionKey]) -> None:
    message = SignedMessage.parse(vectors.message(name))
    key = vectors.public_key(message.signer_certificate)
    if message.digest == "sha1":
        with pytest.raises(AlgorithmRefused, match="sha1 is a legacy digest"):
            message.verify(key)
    with pytest.raises(AlgorithmRefused, match="legacy cipher"):
        EnvelopedMessage.parse(message.content or b"").open([recipient])


@pytest.mark.parametrize("name", sorted(set(vectors.NAMES) - LEGACY))
def test_what_is_not_legacy_needs_none(name: str, recipient: tuple[bytes, DecryptionKey]) -> None:
    message = SignedMessage.parse(vectors.message(name))
    message.verify(vectors.public_key(message.signer_certificate))
    assert EnvelopedMessage.parse(message.content or b"").open([recipient])


@pytest.mark.parametrize("name", vectors.NAMES)
def test_another_client_did_not_sign_it(name: str) -> None:
    message = SignedMessage.parse(vectors.message(name))
    others = [SignedMessage.parse(vectors.message(other)) for other in vectors.NAMES]
    keys = [vectors.public_key(other.signer_certificate) for other in others]
    strangers = [key for key in keys if key != vectors.public_key(message.signer_certificate)]
    assert strangers
    for key in strangers:
        with pytest.raises(IntegrityFailure, match="does not hold"):
            message.verify(key, allow_legacy=True)


@pytest.mark.parametrize("name", [name for name in vectors.NAMES if not name.startswith("bouncy")])
def test_a_der_request_in_streamed_form_is_the_same_request(name: str) -> None:
    sent = vectors.message(name)
    assert normalise(sent) is sent
    message, again = SignedMessage.parse(sent), SignedMessage.parse(streamed(sent))
    assert again.content == message.content
    assert again.attributes == message.attributes
    again.verify(vectors.public_key(again.signer_certificate), allow_legacy=True)
