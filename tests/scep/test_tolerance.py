"""What clients may do in their own way and still be served: recipients, key transport, attributes, certificates."""

from __future__ import annotations

import pytest

from shared.asn1 import oids, writer
from shared.asn1.pem import pem
from shared.cms.enveloped import seal
from shared.cms.signing import sign_message
from shared.scep.message import PKIStatus
from tests.programs import OpenSSL
from tests.scep.authority import World, csr, self_signed
from tests.scep.crafting import NONCE, TRANSACTION, ask, envelope, message

SIGNING_TIME = "1.2.840.113549.1.9.5"


@pytest.fixture(params=["p-256", "rsa-2048"])
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def request_of(world: World) -> bytes:
    return csr(challenge=world.challenge())


@pytest.mark.parametrize("choice", [("-keyid",), (), ("-keyopt", "rsa_padding_mode:oaep")], ids=str)
def test_an_envelope_that_openssl_made_is_opened(
    world: World, openssl: OpenSSL, choice: tuple[str, ...]
) -> None:
    """By issuer and serial number or by key identifier, by PKCS #1 v1.5 or by OAEP."""
    (openssl.folder / "ra.pem").write_bytes(pem("CERTIFICATE", world.ra.certificate.der))
    command = ["cms", "-encrypt", "-binary", "-outform", "DER", "-aes-128-cbc", "-recip", "ra.pem", *choice]
    sealed = openssl.run(*command, data=request_of(world))
    assert ask(world, message(sealed)).status is PKIStatus.SUCCESS


def test_an_envelope_to_every_certificate_of_getcacert_is_opened(openssl: OpenSSL) -> None:
    """As micromdm's client makes it."""
    world = World("rsa-2048")
    recipients = (world.root, world.issuer.certificate, world.ra.certificate)
    for number, certificate in enumerate(recipients):
        (openssl.folder / f"{number}.pem").write_bytes(pem("CERTIFICATE", certificate.der))
    names = [f"{number}.pem" for number in range(len(recipients))]
    command = ["cms", "-encrypt", "-binary", "-outform", "DER", "-aes-256-cbc", *names]
    assert ask(world, message(openssl.run(*command, data=request_of(world)))).status is PKIStatus.SUCCESS


@pytest.mark.parametrize("transport", ["rsa", "rsa-oaep", "rsa-oaep-256"])
def test_every_key_transport_is_taken(world: World, transport: str) -> None:
    to = world.ra.certificate
    sealed = seal(request_of(world), to.der, to.public_key, key_transport=transport)
    assert ask(world, message(sealed)).status is PKIStatus.SUCCESS


@pytest.mark.parametrize("time", [b"\x17\x0d991231235959Z", b"\x18\x0f20991231235959Z", b"\x05\x00"])
def test_a_signing_time_is_not_looked_at(world: World, time: bytes) -> None:
    """Devices sign their first message before they know the time."""
    der = message(envelope(world, request_of(world)), {SIGNING_TIME: time})
    assert ask(world, der).status is PKIStatus.SUCCESS


def test_attributes_nobody_knows_are_passed_over(world: World) -> None:
    der = message(envelope(world, request_of(world)), {"1.2.3.4": writer.utf8_string("vendor")})
    assert ask(world, der).status is PKIStatus.SUCCESS


def test_certificates_beside_the_signers_are_passed_over(world: World) -> None:
    """certmonger sends its chain when it renews."""
    signer = self_signed()
    der = sign_message(
        envelope(world, request_of(world)),
        [
            (oids.SCEP_MESSAGE_TYPE, writer.printable_string("19")),
            (oids.SCEP_TRANSACTION_ID, writer.printable_string(TRANSACTION)),
            (oids.SCEP_SENDER_NONCE, writer.octet_string(NONCE)),
        ],
        certificate=signer.certificate.der,
        key=signer.key,
        extra=[world.issuer.certificate.der, world.root.der],
    )
    assert ask(world, der).status is PKIStatus.SUCCESS
