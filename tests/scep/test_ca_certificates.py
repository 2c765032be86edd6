"""GetCACert as a client reads it: one certificate or a bundle, and which of them is for what."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import lru_cache

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.asn1.pem import pem
from shared.cms.signing import degenerate, sign_message
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.scep.ca_certificates import BUNDLE, ONE, CACertificates
from shared.x509.certificate import Certificate, CertificateTemplate, assemble, compose_tbs
from shared.x509.extensions import basic_constraints, key_usage
from shared.x509.names import Name
from tests.scep.authority import DAY, NOW, World, key


@lru_cache
def ca_key(algorithm: str, number: int = 0) -> SigningKey:
    return key(number) if algorithm == "rsa-2048" else software.generate(algorithm)


def certificate(
    subject: str,
    holder: SigningKey,
    issuer: str,
    issuer_key: SigningKey,
    *,
    ca: bool = False,
    usages: Iterable[str] = (),
    ends: timedelta = 10 * DAY,
) -> Certificate:
    extensions = [basic_constraints(True)] if ca else []
    if usages:
        extensions.append(key_usage(usages))
    template = CertificateTemplate(
        subject=Name.from_text(subject),
        spki=public_key_info(holder),
        not_before=NOW - 20 * DAY,
        not_after=NOW + ends,
        extensions=tuple(extensions),
    )
    algorithm = signature_algorithm(issuer_key)
    tbs = compose_tbs(template, serial=7, issuer=Name.from_text(issuer), signature_algorithm=algorithm)
    return Certificate.from_der(assemble(tbs, algorithm, sign(issuer_key, tbs)))


RSA_CA = certificate("CN=CA", key(0), "CN=CA", key(0), ca=True, usages=["keyCertSign"])


def read(certificates: Sequence[Certificate]) -> CACertificates:
    return CACertificates.parse(degenerate([each.der for each in certificates]), BUNDLE, now=NOW)


def officer(usages: Iterable[str] = (), number: int = 1, **more: object) -> Certificate:
    return certificate(f"CN=RA {number}", key(number), "CN=CA", key(0), usages=usages, **more)  # type: ignore[arg-type]


def test_one_ca_is_its_own_ra_whatever_its_usages() -> None:
    found = CACertificates.parse(RSA_CA.der, ONE, now=NOW)
    assert (found.recipient, found.issuer, found.findings) == (RSA_CA, RSA_CA, ())


def test_our_own_bundle_is_read_without_a_finding() -> None:
    world = World()
    chain = [world.ra.certificate.der, world.issuer.certificate.der, world.root.der]
    found = CACertificates.parse(degenerate(chain), BUNDLE, now=NOW)
    assert (found.recipient, found.issuer, found.findings) == (
        world.ra.certificate,
        world.issuer.certificate,
        (),
    )


def test_of_two_ras_the_one_that_enciphers_is_sealed_to_in_any_order() -> None:
    signs, opens = officer(["digitalSignature"]), officer(["keyEncipherment"], 2)
    for order in ([signs, opens, RSA_CA], [RSA_CA, opens, signs]):
        found = read(order)
        assert (found.recipient, found.issuer) == (opens, RSA_CA)


def test_an_ra_that_names_its_usage_comes_before_one_that_does_not() -> None:
    silent, named = officer(), officer(["keyEncipherment"], 2)
    assert read([silent, named, RSA_CA]).recipient == named
    assert read([silent, RSA_CA]).recipient == silent


def test_an_ra_that_only_signs_leaves_the_ca() -> None:
    assert read([officer(["digitalSignature"]), RSA_CA]).recipient == RSA_CA


def test_of_a_chain_the_lowest_ca_issues() -> None:
    world = World()
    assert (
        read([world.root, world.issuer.certificate, world.ra.certificate]).issuer == world.issuer.certificate
    )


def test_only_rsa_can_be_sealed_to() -> None:
    holder = ca_key("p-256")
    ec_ca = certificate("CN=CA", holder, "CN=CA", holder, ca=True)
    with pytest.raises(AlgorithmRefused, match="RSA key"):
        read([ec_ca])
    assert read([ec_ca, officer()]).recipient == officer()


def test_what_has_ended_and_what_no_ca_of_the_answer_issued_is_found() -> None:
    ended = officer(["keyEncipherment"], ends=-DAY)
    assert "valid from" in read([ended, RSA_CA]).findings[0].seen
    stranger = certificate("CN=RA", key(1), "CN=CA", key(2), usages=["keyEncipherment"])
    assert "not issued by a CA" in read([stranger, RSA_CA]).findings[0].seen


@pytest.mark.parametrize("label", ["PKCS7", "CERTIFICATE"])
def test_pem_is_read_and_found(label: str) -> None:
    body = pem(label, RSA_CA.der if label == "CERTIFICATE" else degenerate([RSA_CA.der]))
    found = CACertificates.parse(body, ONE if label == "CERTIFICATE" else BUNDLE, now=NOW)
    assert found.certificates == (RSA_CA,)
    assert "PEM" in found.findings[0].seen


def test_a_wrong_media_type_is_found() -> None:
    assert ONE in CACertificates.parse(RSA_CA.der, BUNDLE, now=NOW).findings[0].remedy
    assert BUNDLE in CACertificates.parse(degenerate([RSA_CA.der]), "", now=NOW).findings[0].remedy


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"\x30\x00",
        degenerate([]),
        b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_holds_no_certificate_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        CACertificates.parse(body, BUNDLE, now=NOW)


def signed_by(signer: Certificate, holder: rsa.RSAPrivateKey) -> bytes:
    return sign_message(None, [], certificate=signer.der, key=holder)


def test_the_signer_of_a_reply_is_one_of_the_certificates() -> None:
    signs, opens = officer(["digitalSignature"]), officer(["keyEncipherment"], 2)
    found = read([signs, opens, RSA_CA])
    assert found.signer_of(signed_by(signs, key(1))) == signs
    assert found.signer_of(signed_by(RSA_CA, key(0))) == RSA_CA
    with pytest.raises(IntegrityFailure, match="not in GetCACert"):
        found.signer_of(signed_by(officer(number=3), key(3)))


def test_a_reply_need_not_hold_its_signer() -> None:
    reply = signed_by(RSA_CA, key(0))
    without = _without_certificates(reply)
    assert CACertificates.parse(RSA_CA.der, ONE, now=NOW).signer_of(without) == RSA_CA


def _without_certificates(message: bytes) -> bytes:
    from shared.asn1 import writer
    from shared.asn1.reader import read_der

    kind, content = read_der(message).children()
    fields = [field.encoded for field in content.only_child().children() if field.tag != 0xA0]
    return writer.sequence(kind.encoded, writer.context(0, writer.sequence(*fields)))
