"""CertPoll by its transaction and key: what is inside does not count, who it was sealed to and with what does."""

from __future__ import annotations

import pytest

from shared.asn1 import oids, values, writer
from shared.cms.enveloped import EnvelopedMessage, seal
from shared.scep.message import FailInfo, PKIStatus
from shared.store.pending import Decision
from tests.scep.authority import DAY, STATIC_SECRET, World
from tests.scep.crafting import NONCE, Answer, ask, envelope, message, ra_identity
from tests.scep.pending_device import PendingDevice, certificate, decide

POLL = {
    oids.SCEP_MESSAGE_TYPE: writer.printable_string("20"),
    oids.SCEP_TRANSACTION_ID: writer.printable_string("transaction-1"),
}
CONTENTS = [
    "none",
    "empty",
    "garbage",
    "sealed garbage",
    "sealed nothing",
    "for nobody",
    "touched",
    "indefinite",
]


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def device(world: World) -> PendingDevice:
    device = PendingDevice(world)
    assert device.submit().status is PKIStatus.PENDING
    return device


def content(world: World, kind: str) -> bytes | None:
    sealed = envelope(world, b"\x30\x00")
    stranger = ra_identity(world, 3, age=DAY).certificate
    return {
        "none": None,
        "empty": b"",
        "garbage": b"no envelope",
        "sealed garbage": envelope(world, b"no issuer and subject"),
        "sealed nothing": envelope(world, b""),
        "for nobody": envelope(world, b"\x30\x00", stranger),
        "touched": sealed[:-1] + bytes([sealed[-1] ^ 1]),
        "indefinite": b"\x30\x80\x00\x00",
    }[kind]


@pytest.mark.parametrize("kind", CONTENTS)
def test_whatever_is_inside_is_answered_alike(world: World, device: PendingDevice, kind: str) -> None:
    poll = message(content(world, kind), POLL, requester=device.requester)
    assert ask(world, poll, "approved").status is PKIStatus.PENDING
    decide(world, device.request, Decision.APPROVED)
    assert ask(world, poll, "approved").status is PKIStatus.SUCCESS


def test_pending_is_three_with_the_nonce_and_an_empty_content_that_is_there(
    world: World, device: PendingDevice
) -> None:
    """RFC 8894 3.2.1.3; certmonger finds no content in a reply whose content is absent."""
    answer = ask(world, message(envelope(world, b"\x30\x00"), POLL, requester=device.requester), "approved")
    assert values.text(answer.message.attributes[oids.SCEP_PKI_STATUS][0]) == "3"
    assert values.octets(answer.message.attributes[oids.SCEP_RECIPIENT_NONCE][0]) == NONCE
    assert answer.message.content == b""
    assert (answer.fail_info, oids.SCEP_FAIL_INFO in answer.message.attributes) == (None, False)


def test_a_poll_that_somebody_else_signed_is_refused(world: World, device: PendingDevice) -> None:
    stranger = PendingDevice(world, number=1).requester
    poll = message(None, POLL, requester=device.requester, signing_key=stranger.key)
    assert ask(world, poll, "approved").refusal[0] is FailInfo.BAD_MESSAGE_CHECK


def test_the_ra_that_was_addressed_answers(world: World, device: PendingDevice) -> None:
    former, newer = world.ra, ra_identity(world, 4, age=DAY)
    world.registration._identities = (former, newer)
    assert world.registration.current(world.now) is newer
    for ra in (former, newer):
        poll = message(envelope(world, b"", ra.certificate), POLL, requester=device.requester)
        answer = ask(world, poll, "approved", ra=ra.certificate)
        assert (answer.status, answer.message.signer_certificate) == (PKIStatus.PENDING, ra.certificate.der)


def sealed_with(world: World, cipher: str) -> bytes:
    to = world.ra.certificate
    return seal(b"\x30\x00", to.der, to.public_key, cipher=cipher, allow_legacy=True)


def test_a_legacy_cipher_is_refused_by_name_though_nothing_is_opened(
    world: World, device: PendingDevice
) -> None:
    poll = message(sealed_with(world, "des-cbc"), POLL, requester=device.requester)
    info, text = ask(world, poll, "approved").refusal
    assert (info, "DES-CBC" in text) == (FailInfo.BAD_ALG, True)


@pytest.mark.parametrize("cipher", ["des-cbc", "des-ede3-cbc", "aes-128-cbc"])
def test_the_certificate_is_sealed_with_the_cipher_of_the_poll(world: World, cipher: str) -> None:
    device = PendingDevice(world, profile="approved-static", challenge=STATIC_SECRET, subject="CN=old")
    device.submit()
    decide(world, device.request, Decision.APPROVED)
    reply = device.poll(cipher=cipher)
    assert (certificate(reply).subject.text(), reply.cipher) == ("CN=old", cipher)


def test_an_answer_to_what_names_no_cipher_uses_aes(world: World, device: PendingDevice) -> None:
    decide(world, device.request, Decision.APPROVED)
    answer: Answer = ask(world, message(None, POLL, requester=device.requester), "approved")
    assert EnvelopedMessage.parse(answer.message.content or b"").cipher == "aes-256-cbc"
