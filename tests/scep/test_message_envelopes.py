"""What is wrong inside an envelope looks alike from outside; and which RA opens it, answers it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.asn1 import oids
from shared.ca.registration import RegistrationAuthority
from shared.cms.enveloped import EnvelopedMessage, seal
from shared.errors import KeyUnavailable
from shared.scep.message import FailInfo, PKIMessage, PKIStatus
from shared.x509.certificate import Certificate
from tests.scep.authority import DAY, World, csr, key
from tests.scep.crafting import Answer, ask, envelope, message, ra_identity

HOUR = timedelta(hours=1)


@pytest.fixture
def world() -> World:
    return World()


def served_by(world: World, registration: RegistrationAuthority) -> None:
    """The same service with another set of RA identities."""
    world.service = world.worker(registration=registration)


def enrol(world: World, to: Certificate, answered_by: Certificate) -> Answer:
    return ask(world, message(envelope(world, csr(challenge=world.challenge()), to)), ra=answered_by)


def spoilt(world: World, kind: str) -> bytes:
    """An envelope that cannot be opened, or opens to what is no request."""
    request = csr(challenge=world.challenge())
    sealed = envelope(world, request)
    recipient = EnvelopedMessage.parse(sealed).recipients[0]
    tampered_request = bytes([*request[:-1], request[-1] ^ 1])
    return {
        "another key was wrapped": sealed.replace(
            recipient.wrapped_key,
            key(1).public_key().encrypt(b"k" * 32, recipient.key_transport.padding),
        ),
        "wrapped key of noise": sealed.replace(recipient.wrapped_key, b"\x01" * len(recipient.wrapped_key)),
        "wrapped key of the wrong size": sealed.replace(
            recipient.wrapped_key, world.ra.key.public_key().encrypt(b"k", recipient.key_transport.padding)
        ),
        "last block of noise": sealed[:-16] + bytes(16),
        "middle of noise": sealed[:-400] + bytes(16) + sealed[-384:],
        "random bytes inside": envelope(world, bytes(range(256))),
        "nothing inside": envelope(world, b""),
        "half a request inside": envelope(world, request[: len(request) // 2]),
        "a request whose possession is not proven": envelope(world, tampered_request),
        "a request and something after": envelope(world, request + b"\x00"),
        "a request of version 7": envelope(world, request.replace(b"\x02\x01\x00", b"\x02\x01\x07", 1)),
        "sealed to somebody else": seal(request, world.root.der, key(1).public_key()),
    }[kind]


KINDS = (
    "another key was wrapped",
    "wrapped key of noise",
    "wrapped key of the wrong size",
    "last block of noise",
    "middle of noise",
    "random bytes inside",
    "nothing inside",
    "half a request inside",
    "a request whose possession is not proven",
    "a request and something after",
    "a request of version 7",
    "sealed to somebody else",
)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_garbage_gets_one_and_the_same_answer(world: World, kind: str) -> None:
    reference = ask(world, message(envelope(world, b"garbage")))
    answer = ask(world, message(spoilt(world, kind)))
    assert answer.refusal == reference.refusal
    assert answer.refusal[0] is FailInfo.BAD_MESSAGE_CHECK
    own = {oids.SCEP_SENDER_NONCE, oids.MESSAGE_DIGEST}
    for oid in answer.message.attributes.keys() - own:
        assert answer.message.attributes[oid] == reference.message.attributes[oid]


@pytest.mark.parametrize("content", [None, b"", b"not an envelope", b"\x30\x00"])
def test_a_message_without_an_envelope_is_refused(world: World, content: bytes | None) -> None:
    assert ask(world, message(content)).refusal[0] is FailInfo.BAD_MESSAGE_CHECK


def test_an_unknown_cipher_is_named_as_such_before_anything_is_opened(world: World) -> None:
    sealed = envelope(world, csr(challenge=world.challenge()))
    aes = bytes.fromhex("060960864801650304012a")
    assert aes in sealed
    answer = ask(world, message(sealed.replace(aes, aes[:-1] + b"\x2f")))
    assert answer.refusal[0] is FailInfo.BAD_ALG


def test_an_oracle_learns_nothing_from_what_was_issued(world: World) -> None:
    for kind in KINDS:
        ask(world, message(spoilt(world, kind)))
    assert list(world.store.records(world.issuer.id)) == []


def test_a_message_to_the_previous_ra_is_answered_by_the_previous_ra(world: World) -> None:
    successor = ra_identity(world, 2, age=2 * HOUR)
    served_by(world, RegistrationAuthority(lambda: [world.ra, successor]))
    assert world.service.ra.current(world.now) is successor
    old = enrol(world, world.ra.certificate, answered_by=world.ra.certificate)
    new = enrol(world, successor.certificate, answered_by=successor.certificate)
    assert [old.status, new.status] == [PKIStatus.SUCCESS] * 2
    assert old.message.signer_certificate == world.ra.certificate.der
    assert new.message.signer_certificate == successor.certificate.der


def test_a_refusal_after_opening_comes_from_the_ra_that_was_addressed(world: World) -> None:
    successor = ra_identity(world, 2, age=2 * HOUR)
    served_by(world, RegistrationAuthority(lambda: [world.ra, successor]))
    answer = ask(
        world, message(envelope(world, csr(challenge="wrong"), world.ra.certificate)), ra=world.ra.certificate
    )
    assert answer.refusal[0] is FailInfo.BAD_REQUEST


def test_an_ra_that_is_too_young_to_be_offered_opens_already(world: World) -> None:
    successor = ra_identity(world, 2, age=timedelta(minutes=1))
    served_by(world, RegistrationAuthority(lambda: [world.ra, successor]))
    assert world.service.ra.current(world.now) is world.ra
    answer = enrol(world, successor.certificate, answered_by=successor.certificate)
    assert answer.status is PKIStatus.SUCCESS


def test_an_ra_that_this_worker_has_not_seen_is_loaded_once(world: World) -> None:
    shelf, loads = [world.ra], list[int]()

    def load() -> list[object]:
        loads.append(len(shelf))
        return list(shelf)

    served_by(world, RegistrationAuthority(load))  # type: ignore[arg-type]
    successor = ra_identity(world, 2, age=timedelta(0))
    shelf.append(successor)
    answer = enrol(world, successor.certificate, answered_by=successor.certificate)
    assert answer.status is PKIStatus.SUCCESS
    stranger = ra_identity(world, 3, age=timedelta(0))
    for _ in range(5):
        refused = enrol(world, stranger.certificate, answered_by=world.ra.certificate)
        assert refused.refusal[0] is FailInfo.BAD_MESSAGE_CHECK
    assert loads == [1, 2], "strangers reload at most once a minute"


def test_an_ra_that_has_ended_opens_nothing(world: World) -> None:
    ended = ra_identity(world, 2, age=20 * DAY, life=19 * DAY)
    served_by(world, RegistrationAuthority(lambda: [ended, world.ra]))
    answer = enrol(world, ended.certificate, answered_by=world.ra.certificate)
    assert answer.refusal[0] is FailInfo.BAD_MESSAGE_CHECK


def test_without_any_ra_nothing_can_be_answered(world: World) -> None:
    served_by(world, RegistrationAuthority(list))
    with pytest.raises(KeyUnavailable, match="ca renew-ra"):
        enrol(world, world.ra.certificate, answered_by=world.ra.certificate)


def test_a_recipient_that_is_named_in_other_string_types_is_still_ours(world: World) -> None:
    """Embedded stacks re-encode names: PrintableString for our UTF8String."""
    sealed = envelope(world, csr(challenge=world.challenge()))
    issuer = world.issuer.certificate.subject.encoded
    respelt = issuer.replace(b"\x0c\x07Example", b"\x13\x07Example").replace(
        b"\x0c\x07Issuing", b"\x13\x07Issuing"
    )
    assert respelt != issuer
    answer = ask(world, message(sealed.replace(issuer, respelt)))
    assert answer.status is PKIStatus.SUCCESS


def test_a_parsed_message_gives_its_envelope(world: World) -> None:
    parsed = PKIMessage.parse(message(envelope(world, b"content")))
    assert parsed.envelope().is_addressed_to([world.ra.certificate.der])
