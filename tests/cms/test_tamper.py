"""No change to a message goes unnoticed: it is refused, or it says the same."""

from __future__ import annotations

import pytest

from shared.asn1 import oids, writer
from shared.cms.signed import SignedMessage
from shared.cms.signing import sign_message
from shared.errors import MalformedMessage, RequestError
from tests.asn1.ber_forms import streamed
from tests.cms import vectors
from tests.cms.identity import Identity

ATTRIBUTES = [(oids.SCEP_TRANSACTION_ID, writer.printable_string("transaction"))]


@pytest.fixture(params=["der", "ber"])
def sent(request: pytest.FixtureRequest, ec_identity: Identity) -> bytes:
    """A small message, signed with P-256."""
    message = sign_message(b"content", ATTRIBUTES, certificate=ec_identity.der, key=ec_identity.key)
    return message if request.param == "der" else streamed(message)


def _read(message: bytes, key: object = None) -> tuple[object, ...]:
    """What a receiver goes by, once it is verified with `key`, or with the key of the certificate inside."""
    parsed = SignedMessage.parse(message)
    if key is None:
        try:
            key = vectors.public_key(parsed.signer_certificate)
        except Exception as unreadable:  # pyca has many errors for a certificate
            raise MalformedMessage(str(unreadable)) from unreadable
    parsed.verify(key)
    return parsed.content, parsed.content_type, dict(parsed.attributes)


def test_every_flip_of_every_byte(sent: bytes, ec_identity: Identity) -> None:
    expected = _read(sent, ec_identity.public_key)
    refused = 0
    for at in range(len(sent)):
        for flip in (0x01, 0x20, 0x80, 0xFF):
            damaged = sent[:at] + bytes((sent[at] ^ flip,)) + sent[at + 1 :]
            try:
                assert _read(damaged, ec_identity.public_key) == expected
            except RequestError:
                refused += 1
    assert refused > len(sent)


def test_every_flip_with_the_key_in_the_message(sent: bytes) -> None:
    expected = _read(sent)
    for at in range(len(sent)):
        damaged = sent[:at] + bytes((sent[at] ^ 0x01,)) + sent[at + 1 :]
        try:
            assert _read(damaged) == expected
        except RequestError as refused:
            assert refused.reason


def test_every_loss_of_the_end(sent: bytes, ec_identity: Identity) -> None:
    for end in range(len(sent)):
        with pytest.raises(RequestError):
            _read(sent[:end], ec_identity.public_key)
