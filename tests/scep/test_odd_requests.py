"""Requests of odd clients all the way: certified with the subject as it was sent, or refused with a reason to read."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.asn1.pem import pem
from shared.errors import PolicyViolation
from shared.policy.profile import Profile
from shared.policy.profiles import Profiles
from shared.x509.certificate import Certificate
from shared.x509.request import CertificateRequest
from tests.programs import OpenSSL
from tests.scep.authority import NOW, World
from tests.x509.csr_oddities import ODDITIES

TOLERANT = """
version = 1
[profiles.tolerant]
title = "Devices of every make"
holder = "device"
challenge = "sealed"
subject.CN = { pattern = ".*" }
subject.C = { pattern = ".*" }
subject.serialNumber = { pattern = ".*" }
san.dns = { pattern = ".*" }
san.upn = { pattern = ".*" }
san.uri = { pattern = ".*" }
san.ip = { pattern = ".*" }
strong_mapping = "optional"
key_usage = { allowed = ["digitalSignature"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365
"""
REFUSED = {
    "common name that is empty": "The subject attribute CN is empty.",
    "country of three letters": "The subject attribute C is not a country code of two letters.",
    "subject that is empty": "The request names nobody: subject and SAN are both empty.",
    "registered identifier among the names": "A SAN of kind other is not allowed.",
}


@pytest.fixture
def profile() -> Profile:
    return Profiles.parse(TOLERANT).profiles["tolerant"]


def certify(request: CertificateRequest, profile: Profile) -> Certificate:
    issuer = World().issuer
    template = profile.authorize(request, now=NOW, backdate=timedelta(days=1))
    return issuer.sign(issuer.compose(template, "27" * 19))


@pytest.mark.parametrize("name", sorted(ODDITIES.keys() - REFUSED.keys()))
def test_an_odd_request_is_certified_as_it_was_sent(name: str, profile: Profile, openssl: OpenSSL) -> None:
    oddity = ODDITIES[name]
    request = CertificateRequest.from_der(oddity.make())
    certificate = certify(request, profile)
    assert certificate.subject.encoded == request.subject.encoded
    assert tuple(san.text() for san in certificate.sans) == oddity.sans
    world = World()
    (openssl.folder / "ca.pem").write_bytes(
        pem("CERTIFICATE", world.root.der) + pem("CERTIFICATE", world.issuer.certificate.der)
    )
    (openssl.folder / "leaf.pem").write_bytes(pem("CERTIFICATE", certificate.der))
    at = str(int(NOW.timestamp()))
    assert b"leaf.pem: OK" in openssl.run("verify", "-attime", at, "-CAfile", "ca.pem", "leaf.pem")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_no_certificate_should_say_is_refused_with_a_reason(name: str, profile: Profile) -> None:
    with pytest.raises(PolicyViolation) as refusal:
        certify(CertificateRequest.from_der(ODDITIES[name].make()), profile)
    assert refusal.value.public == REFUSED[name]
