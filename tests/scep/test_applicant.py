"""What the client asks for is read back by the server's own reader, and by openssl."""

from __future__ import annotations

import pytest

from shared.errors import AlgorithmRefused, RequestError
from shared.scep.applicant import Applicant
from shared.x509.certificate import verify_signature
from shared.x509.request import CertificateRequest
from tests.programs import OpenSSL
from tests.scep.authority import NOW, key

SUBJECT = "CN=dev1,O=Example,C=CZ"
SANS = ("dns:dev1.example.org", "upn:ann@example.org", "email:a@example.org", "ip:10.0.0.1", "uri:urn:uuid:1")


def test_a_request_says_what_was_asked_for() -> None:
    request = CertificateRequest.from_der(Applicant.of(SUBJECT, SANS).request(key(0), challenge="p@ss_wörd"))
    assert request.subject.text() == SUBJECT
    assert tuple(name.text() for name in request.sans) == SANS
    assert request.challenge == "p@ss_wörd"


def test_nothing_is_added_that_was_not_asked_for() -> None:
    request = CertificateRequest.from_der(Applicant.of("CN=dev1").request(key(0)))
    assert (request.sans, request.challenge, dict(request.extensions)) == ((), None, {})


@pytest.mark.parametrize("challenge", [None, "plain", "p@ss_wörd"])
@pytest.mark.parametrize("sans", [(), SANS])
def test_openssl_verifies_it(openssl: OpenSSL, challenge: str | None, sans: tuple[str, ...]) -> None:
    der = Applicant.of(SUBJECT, sans).request(key(0), challenge=challenge)
    said = openssl.words("req", "-inform", "DER", "-noout", "-verify", "-text", data=der)
    assert "verify OK" in said
    assert ("challengePassword" in said) is (challenge is not None)
    assert ("DNS:dev1.example.org" in said) is bool(sans)


def test_an_old_digest_is_legacy_to_the_reader() -> None:
    der = Applicant.of(SUBJECT).request(key(0), digest="sha1")
    with pytest.raises(AlgorithmRefused):
        CertificateRequest.from_der(der)
    assert CertificateRequest.from_der(der, allow_legacy=True).subject.text() == SUBJECT


def test_the_first_signer_signs_for_itself(openssl: OpenSSL) -> None:
    requester = Applicant.of(SUBJECT).self_signed(key(0), now=NOW)
    verify_signature(requester.certificate, requester.certificate.public_key)
    assert requester.certificate.subject == requester.certificate.issuer
    assert requester.certificate.not_before < NOW < requester.certificate.not_after
    said = openssl.run("x509", "-inform", "DER", "-noout", "-text", data=requester.certificate.der)
    assert b"Digital Signature, Key Encipherment" in said


@pytest.mark.parametrize(("subject", "sans"), [("no name", ()), (SUBJECT, ("dev1.example.org",)), ("CN", ())])
def test_a_name_that_is_none_is_told_how_to_write_one(subject: str, sans: tuple[str, ...]) -> None:
    with pytest.raises(RequestError, match="CN=laptop-1,O=Example"):
        Applicant.of(subject, sans)
