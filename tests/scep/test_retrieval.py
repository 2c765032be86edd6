"""GetCert and GetCRL: a certificate for who it belongs to, a CRL for anybody, badCertId for all else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shared.asn1 import oids, writer
from shared.ca import hierarchy
from shared.ca.issuer import issuer_id
from shared.cms.enveloped import EnvelopedMessage
from shared.cms.signing import parse_degenerate, sign_message
from shared.errors import StoreUnavailable
from shared.keys import software
from shared.revocation.publication import CRLPublisher
from shared.revocation.scopes import CRLPlan
from shared.scep.client import Requester
from shared.scep.message import FailInfo, MessageType, PKIStatus
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl
from shared.x509.names import Name
from tests.contracts.examples import record, revocation
from tests.programs import OpenSSL
from tests.scep.authority import DAY, World, csr, key, self_signed
from tests.scep.crafting import Answer, ask, certified, envelope, message
from tests.scep.pending_device import certificate

NOT_KNOWN = (FailInfo.BAD_CERT_ID, "The certificate is not known.")


@pytest.fixture
def world() -> World:
    return World()


def holder(world: World, number: int = 0, device: str = "dev1") -> Requester:
    """A device with its certificate, for key `number`."""
    subject = f"CN={device},O=Example"
    challenge = world.challenge(subject, device=device)
    reply = world.send(csr(subject, challenge=challenge, number=number), self_signed(number))
    return Requester(certificate(reply), key(number))


def issuer_and_serial(issuer: Name, serial: int) -> bytes:
    return writer.sequence(issuer.encoded, writer.integer(serial))


def named(found: Certificate) -> bytes:
    return issuer_and_serial(found.issuer, found.serial)


def retrieve(
    world: World, kind: str, content: bytes, requester: Requester, profile: str = "device"
) -> Answer:
    """As sscep and jscep do: with a transaction that is always the same."""
    attributes = {
        oids.SCEP_MESSAGE_TYPE: writer.printable_string(kind),
        oids.SCEP_TRANSACTION_ID: writer.printable_string("SSCEP transactionId"),
    }
    return ask(world, message(envelope(world, content), attributes, requester=requester), profile)


def get_cert(world: World, content: bytes, requester: Requester) -> Answer:
    return retrieve(world, MessageType.GET_CERT, content, requester)


def get_crl(world: World, content: bytes, requester: Requester) -> Answer:
    return retrieve(world, MessageType.GET_CRL, content, requester)


def opened(answer: Answer, requester: Requester) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """(certificates, CRLs) of a SUCCESS."""
    assert answer.status is PKIStatus.SUCCESS, answer
    envelope = EnvelopedMessage.parse(answer.message.content or b"")
    return parse_degenerate(envelope.open([(requester.certificate.der, requester.key)])[0])


def test_a_device_gets_its_own_certificate(world: World) -> None:
    device = holder(world)
    answer = get_cert(world, named(device.certificate), device)
    assert opened(answer, device) == ((device.certificate.der,), ())
    again = get_cert(world, named(device.certificate), device)
    assert opened(again, device) == opened(answer, device)


def test_who_signs_with_the_key_of_a_certificate_gets_it(world: World) -> None:
    """A device that lost its certificate, and not its key; also when the certificate was revoked since."""
    device = holder(world)
    world.revocations.revoke(world.issuer.id, device.certificate.serial_hex, "superseded", by="test")
    assert opened(get_cert(world, named(device.certificate), self_signed()), self_signed())[0] == (
        device.certificate.der,
    )


def test_a_live_certificate_fetches_the_others_of_its_owner(world: World) -> None:
    old, new = holder(world), holder(world, 1)
    assert old.certificate.key_hash != new.certificate.key_hash
    assert opened(get_cert(world, named(old.certificate), new), new)[0] == (old.certificate.der,)
    world.revocations.revoke(world.issuer.id, new.certificate.serial_hex, "keyCompromise", by="test")
    assert get_cert(world, named(old.certificate), new).refusal == NOT_KNOWN


def test_others_get_nothing_and_learn_nothing(world: World) -> None:
    device, other = holder(world), holder(world, 1, "dev2")
    unknown = issuer_and_serial(device.certificate.issuer, device.certificate.serial + 1)
    for asker in (other, self_signed(1), self_signed(2)):
        assert get_cert(world, named(device.certificate), asker).refusal == NOT_KNOWN
        assert get_cert(world, unknown, asker).refusal == NOT_KNOWN


def test_a_certificate_of_another_issuer_is_not_known(world: World) -> None:
    device = holder(world)
    stranger = issuer_and_serial(Name.build([("CN", "Stranger")]), device.certificate.serial)
    assert get_cert(world, stranger, device).refusal == NOT_KNOWN


def test_an_issuer_in_other_string_types_is_the_same(world: World) -> None:
    device = holder(world)
    issuer = device.certificate.issuer.encoded.replace(b"\x0c\x07Issuing", b"\x13\x07Issuing")
    assert issuer != device.certificate.issuer.encoded
    content = writer.sequence(issuer, writer.integer(device.certificate.serial))
    assert opened(get_cert(world, content, device), device)[0] == (device.certificate.der,)


def test_a_certificate_that_was_revoked_before_it_was_signed_cannot_be_had(world: World) -> None:
    unsigned = record(
        issuer=world.issuer.id,
        certificate=None,
        key_hash=self_signed().certificate.key_hash,
        revocation=revocation(),
    )
    world.store.commit(replace(unsigned, etag=""))
    content = issuer_and_serial(world.issuer.certificate.subject, int(unsigned.serial, 16))
    assert get_cert(world, content, self_signed()).refusal == NOT_KNOWN


CONTENTS = {
    "nothing": b"",
    "no sequence": b"\x02\x01\x01",
    "an empty sequence": b"\x30\x00",
    "a key identifier": b"\x80\x02ab",
    "a negative serial": issuer_and_serial(Name.build([("CN", "a")]), -1),
    "an endless serial": issuer_and_serial(Name.build([("CN", "a")]), 1 << 200),
    "no name": writer.sequence(writer.sequence(writer.integer(1)), writer.integer(1)),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
@pytest.mark.parametrize("kind", [MessageType.GET_CERT, MessageType.GET_CRL])
def test_what_names_nothing_is_garbage_in_an_envelope(world: World, content: bytes, kind: str) -> None:
    answer = retrieve(world, kind, content, self_signed())
    assert answer.refusal == (FailInfo.BAD_MESSAGE_CHECK, "The message failed its integrity check.")


def publish(world: World) -> bytes:
    """The published CRL of the issuer, which lists one certificate."""
    device = holder(world, 1, "dev2")
    world.revocations.revoke(world.issuer.id, device.certificate.serial_hex, "keyCompromise", by="test")
    publisher = CRLPublisher(
        issuer=world.issuer,
        changes=world.store,
        publications=world.publications,
        plan=CRLPlan(3 * DAY),
        clock=lambda: world.now + timedelta(minutes=1),
    )
    publisher.publish()
    found = world.publications.read(publisher.name)
    assert found is not None
    assert [entry.serial_hex for entry in parse_crl(found.data).entries()] == [device.certificate.serial_hex]
    return found.data


@pytest.mark.parametrize("asker", ["a stranger", "a device"])
def test_anybody_gets_the_crl_that_is_published(world: World, asker: str, openssl: OpenSSL) -> None:
    crl = publish(world)
    requester = self_signed(2) if asker == "a stranger" else holder(world)
    answer = get_crl(world, issuer_and_serial(world.issuer.certificate.subject, 4711), requester)
    assert opened(answer, requester) == ((), (crl,))
    envelope = EnvelopedMessage.parse(answer.message.content or b"")
    plain = envelope.open([(requester.certificate.der, requester.key)])[0]
    printed = openssl.run("pkcs7", "-inform", "DER", "-print_certs", data=plain).decode()
    assert "X509 CRL" in printed


def test_the_crl_of_the_root_covers_the_issuing_ca(world: World) -> None:
    root_key = software.generate("p-256")
    root = hierarchy.self_signed_root(root_key, Name.build([("CN", "Root")]), not_before=world.now, life=DAY)
    crl = hierarchy.root_crl(root, root_key, now=world.now, life=DAY)
    name = f"crl/{issuer_id(world.root.spki)}.crl"
    world.publications.put(name, crl, content_type="application/pkix-crl", max_age=60)
    content = named(world.issuer.certificate)
    assert opened(get_crl(world, content, self_signed()), self_signed()) == ((), (crl,))
    assert world.publications.read(name) is not None


def test_the_crl_of_somebody_else_is_not_known(world: World) -> None:
    publish(world)
    content = issuer_and_serial(Name.build([("CN", "Stranger")]), 1)
    assert get_crl(world, content, self_signed()).refusal == NOT_KNOWN


def test_a_crl_that_is_not_published_yet_is_a_reason_to_come_again(world: World) -> None:
    with pytest.raises(StoreUnavailable):
        get_crl(world, issuer_and_serial(world.issuer.certificate.subject, 1), self_signed())


def test_both_are_refused_to_who_cannot_be_answered(world: World) -> None:
    """The reply is sealed to the signer: its key must be able to open it."""
    signer = ec.generate_private_key(ec.SECP256R1())
    for kind in (MessageType.GET_CERT, MessageType.GET_CRL):
        attributes = [
            (oids.SCEP_MESSAGE_TYPE, writer.printable_string(kind.value)),
            (oids.SCEP_TRANSACTION_ID, writer.printable_string("1")),
        ]
        content = envelope(world, named(world.issuer.certificate))
        der = sign_message(content, attributes, certificate=certified(signer).der, key=signer)
        assert ask(world, der).refusal[0] is FailInfo.BAD_ALG
