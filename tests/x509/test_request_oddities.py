"""Every odd request is read, and OpenSSL agrees that its signature is right."""

from __future__ import annotations

import pytest

from shared.x509.request import CertificateRequest
from tests.x509.csr_oddities import ODDITIES, ORIGINS
from tests.x509.material import openssl

_ALL = sorted(ODDITIES)


def test_the_set_is_complete_and_every_one_says_where_it_comes_from() -> None:
    assert len(_ALL) >= 27
    assert ORIGINS.keys() == ODDITIES.keys()


@pytest.mark.parametrize("name", _ALL)
def test_it_is_read(name: str) -> None:
    oddity = ODDITIES[name]
    der = oddity.make()

    request = CertificateRequest.from_der(der)

    assert request.der == der
    assert request.subject.text() == oddity.subject
    assert request.subject.encoded in der
    assert request.challenge == oddity.challenge
    assert tuple(san.text() for san in request.sans) == oddity.sans
    assert request.extensions.keys() == oddity.extensions


@pytest.mark.parametrize("name", _ALL)
def test_openssl_finds_the_signature_right(name: str) -> None:
    assert "verify OK" in openssl("req", "-inform", "DER", "-noout", "-verify", data=ODDITIES[name].make())
