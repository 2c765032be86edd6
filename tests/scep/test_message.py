"""The edges of pkiMessages: odd attributes, odd signers, and what cannot be answered at all."""

from __future__ import annotations

import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.asn1 import oids, values, writer
from shared.cms.signing import sign_message
from shared.errors import MalformedMessage
from shared.scep.client import build_request
from shared.scep.message import FailInfo, MessageType, PKIMessage, PKIStatus
from tests.scep.authority import World, csr, key, self_signed
from tests.scep.crafting import NONCE, TRANSACTION, Answer, ask, certified, envelope, message

TYPE, ID, SENDER = oids.SCEP_MESSAGE_TYPE, oids.SCEP_TRANSACTION_ID, oids.SCEP_SENDER_NONCE


@pytest.fixture
def world() -> World:
    return World()


def enrolment(world: World) -> bytes:
    return envelope(world, csr(challenge=world.challenge()))


def text_of(answer: Answer, oid: str) -> str:
    return values.text(answer.message.attributes[oid][0])


def test_a_reply_carries_transaction_type_and_both_nonces(world: World) -> None:
    answers = [ask(world, message(enrolment(world))), ask(world, message(envelope(world, b"no request")))]
    assert [answer.status for answer in answers] == [PKIStatus.SUCCESS, PKIStatus.FAILURE]
    own = set()
    for answer in answers:
        assert text_of(answer, ID) == TRANSACTION
        assert text_of(answer, TYPE) == MessageType.CERT_REP
        attributes = answer.message.attributes
        assert values.octets(attributes[oids.SCEP_RECIPIENT_NONCE][0]) == NONCE
        own.add(values.octets(attributes[SENDER][0]))
    assert len(own) == 2
    assert all(len(nonce) == 16 and nonce != NONCE for nonce in own)


def test_a_message_without_nonce_is_answered_without_one(world: World) -> None:
    answer = ask(world, message(enrolment(world), {SENDER: None}))
    assert answer.status is PKIStatus.SUCCESS
    assert oids.SCEP_RECIPIENT_NONCE not in answer.message.attributes


@pytest.mark.parametrize("length", [0, 1, 8, 16, 20, 64, 100])
def test_a_nonce_of_any_length_comes_back_whole(world: World, length: int) -> None:
    nonce = bytes(range(length))
    answer = ask(world, message(enrolment(world), {SENDER: writer.octet_string(nonce)}))
    assert answer.status is PKIStatus.SUCCESS
    assert values.octets(answer.message.attributes[oids.SCEP_RECIPIENT_NONCE][0]) == nonce


@pytest.mark.parametrize(
    "transaction",
    ["1", "A" * 512, "75E5 F1A2 +/=_@", "{6F9619FF-8B86-D011-B42D-00CF4FC964FF}"],
)
def test_the_transaction_is_the_clients_choice(world: World, transaction: str) -> None:
    answer = ask(world, message(enrolment(world), {ID: writer.printable_string(transaction)}))
    assert answer.status is PKIStatus.SUCCESS
    assert text_of(answer, ID) == transaction


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({ID: None}, "no transactionID"),
        ({TYPE: None}, "no transactionID or no messageType"),
        ({ID: writer.printable_string("")}, "empty"),
        ({ID: writer.printable_string("A" * 513)}, "too long"),
        ({ID: writer.printable_string("a\nb")}, "not printable"),
        ({ID: writer.utf8_string("a\u2028b")}, "not printable"),
        ({ID: writer.octet_string(b"abc")}, "not a character string"),
        ({TYPE: writer.integer(19)}, "not a character string"),
        ({SENDER: writer.printable_string("nonce")}, "was expected"),
    ],
)
def test_attributes_that_cannot_be_answered_are_malformed(
    world: World, changes: dict[str, bytes | None], reason: str
) -> None:
    with pytest.raises(MalformedMessage, match=reason):
        ask(world, message(enrolment(world), changes))


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"GET / HTTP/1.0", bytes(1000), b"\x30\x80"])
def test_what_is_no_message_is_malformed(world: World, data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        world.service.pki_operation(data, world.profile(), now=world.now)


@pytest.mark.parametrize("kind", ["1", "3", "18", "23", "99", "", "PKCSReq", "19\nforged line"])
def test_other_message_types_are_refused_in_a_reply(
    world: World, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        answer = ask(world, message(enrolment(world), {TYPE: writer.utf8_string(kind)}))
    assert answer.refusal == (FailInfo.BAD_REQUEST, "This message type is not served.")
    assert all("\n" not in record.getMessage() for record in caplog.records)


@pytest.mark.parametrize("kind", ["17", "19"])
def test_a_first_enrolment_may_call_itself_either(world: World, kind: str) -> None:
    answer = ask(world, message(enrolment(world), {TYPE: writer.printable_string(kind)}))
    assert answer.status is PKIStatus.SUCCESS


def test_a_signer_with_an_ec_key_is_told_what_it_needs(world: World) -> None:
    holder = ec.generate_private_key(ec.SECP256R1())
    request = sign_message(
        enrolment(world),
        [(TYPE, writer.printable_string("19")), (ID, writer.printable_string("ec"))],
        certificate=certified(holder).der,
        key=holder,
    )
    info, text = ask(world, request).refusal
    assert info is FailInfo.BAD_ALG
    assert "RSA" in text
    assert "2048" in text


def test_a_signer_with_a_short_rsa_key_is_told_what_it_needs(world: World) -> None:
    holder = rsa.generate_private_key(65537, 1024)
    request = sign_message(
        enrolment(world),
        [(TYPE, writer.printable_string("19")), (ID, writer.printable_string("short"))],
        certificate=certified(holder).der,
        key=holder,
    )
    assert ask(world, request).refusal[0] is FailInfo.BAD_ALG


def test_a_message_signed_with_another_key_than_its_certificates_is_refused(world: World) -> None:
    answer = ask(world, message(enrolment(world), signing_key=key(1)))
    assert answer.refusal[0] is FailInfo.BAD_MESSAGE_CHECK


def test_a_message_that_was_touched_is_refused(world: World) -> None:
    whole = message(enrolment(world))
    signed = PKIMessage.parse(whole).signed
    assert signed.content
    at = whole.index(signed.content) + len(signed.content) - 1
    touched = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    assert ask(world, touched).refusal[0] is FailInfo.BAD_MESSAGE_CHECK
    assert ask(world, whole).status is PKIStatus.SUCCESS


@pytest.mark.parametrize("digest", ["sha1", "md5"])
def test_a_legacy_digest_is_refused_by_name_and_the_reply_is_readable(world: World, digest: str) -> None:
    reply = world.send(csr(challenge=world.challenge()), self_signed(), digest=digest)
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FailInfo.BAD_ALG)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_the_reply_uses_the_digest_of_the_request(world: World, digest: str) -> None:
    der, _, _ = build_request(
        csr(challenge=world.challenge()), self_signed(), world.ra.certificate, digest=digest
    )
    answer = ask(world, der)
    assert answer.status is PKIStatus.SUCCESS
    assert answer.message.digest == digest


def test_two_messages_at_the_same_time_share_nothing(world: World) -> None:
    first, second = (
        ask(world, message(enrolment(world), {ID: writer.printable_string(name)})) for name in "ab"
    )
    assert (text_of(first, ID), text_of(second, ID)) == ("a", "b")


def test_neither_message_nor_reply_show_a_challenge_or_a_key(world: World) -> None:
    challenge = world.challenge()
    parsed = PKIMessage.parse(message(envelope(world, csr(challenge=challenge))))
    assert challenge not in repr(parsed)
    assert "PrivateKey" not in repr(world.ra)
