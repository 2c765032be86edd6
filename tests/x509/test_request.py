"""Requests as other programs write them, what is no request, and what must never be shown."""

from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest

from shared.asn1 import oids, writer
from shared.errors import AlgorithmRefused, MalformedMessage, RequestError
from shared.keys.ports import public_key_info
from shared.x509.extensions import key_usage
from shared.x509.request import CertificateRequest
from tests.x509.material import (
    ALGORITHMS,
    challenge,
    key,
    make_request,
    subject,
)

_VECTORS = Path(__file__).parents[1] / "vectors" / "csr"
_NAME = subject(writer.utf8_string("device"))
_USAGE = key_usage(["digitalSignature"]).encoded
_SECRET = challenge(writer.printable_string("secret"))


def _vector(name: str) -> bytes:
    lines = (_VECTORS / f"{name}.pem").read_text().splitlines()
    return base64.b64decode("".join(line for line in lines if not line.startswith("-----")))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_kind_of_key(algorithm: str) -> None:
    request = CertificateRequest.from_der(make_request(algorithm=algorithm))
    assert request.public_key == key(algorithm).public_key()
    assert request.spki == public_key_info(key(algorithm))
    assert len(request.key_hash) == 64


def test_strongswan() -> None:
    request = CertificateRequest.from_der(_vector("strongswan-rsa"))
    assert request.subject.text() == "CN=dev2.example.org,O=Probe,C=CZ"
    assert request.challenge == "probe-secret"
    assert [name.text() for name in request.sans] == [
        "dns:dev2.example.org",
        "email:user@example.org",
        "ip:192.0.2.9",
    ]
    assert CertificateRequest.from_der(_vector("strongswan-p384")).subject.values("UID") == ("ada",)
    assert CertificateRequest.from_der(_vector("strongswan-pss")).challenge is None


def test_java() -> None:
    request = CertificateRequest.from_der(_vector("keytool-rsa"))
    assert request.subject.values("CN") == ("Device, 5",)
    assert request.subject.values("OU") == ("Ü",)
    assert [name.text() for name in request.sans] == [
        "dns:dev5.example.org",
        "uri:https://dev5.example.org/x",
        "ip:192.0.2.5",
        "email:u@example.org",
        "other:#88032a0304",
    ]
    assert request.key_usage == frozenset({"digitalSignature", "keyEncipherment"})
    assert request.extended_key_usage == (oids.EKU_CLIENT_AUTH, oids.EKU_IPSEC_IKE)
    assert CertificateRequest.from_der(_vector("keytool-p256")).sans == ()


@pytest.mark.parametrize("name", ["openssl-p256-many-extensions", "openssl-rsa-pss-sha512"])
def test_openssl(name: str) -> None:
    request = CertificateRequest.from_der(_vector(name))
    assert request.subject.text() == "E=ada@example.org,CN=dev7,O=Příklad,DC=org"
    assert request.challenge == "probe secret with spaces"
    assert [san.text() for san in request.sans] == [
        "dns:dev7.example.org",
        "email:ada@example.org",
        "uri:tag:microsoft.com,2022-09-14:sid:S-1-5-21-1-2-3-1001",
        "ip:2001:db8::7",
        "other:#88032a0304",
        "upn:ada@example.org",
        "other:1.3.6.1.5.5.7.8.5#0c0f616461406578616d706c652e6f7267",
        "directory:CN=dev7,C=CZ",
    ]
    assert request.key_usage == frozenset({"digitalSignature", "keyAgreement"})
    assert request.extended_key_usage == (oids.EKU_CLIENT_AUTH, oids.EKU_SMARTCARD_LOGON)
    assert request.extensions[oids.KEY_USAGE][0] is True


@pytest.mark.parametrize("name", ["openssl-rsa-sha1", "openssl-rsa-md5"])
def test_legacy_digests_must_be_allowed(name: str) -> None:
    with pytest.raises(AlgorithmRefused, match="legacy"):
        CertificateRequest.from_der(_vector(name))
    assert CertificateRequest.from_der(_vector(name), allow_legacy=True).subject.values("CN") == ("dev7",)


@pytest.mark.parametrize("name", ["openssl-ed25519", "openssl-dsa", "openssl-p256-explicit-parameters"])
def test_kinds_of_keys_that_are_refused(name: str) -> None:
    with pytest.raises(AlgorithmRefused):
        CertificateRequest.from_der(_vector(name))


@pytest.mark.parametrize("der", [b"", b"\x30", b"\x30\x00", b"\x30\x80\x00\x00", b"\x04\x00", b"0" * 400])
def test_bytes_that_are_no_request(der: bytes) -> None:
    with pytest.raises(MalformedMessage):
        CertificateRequest.from_der(der)


def test_bytes_after_the_request() -> None:
    with pytest.raises(MalformedMessage):
        CertificateRequest.from_der(make_request() + b"\x00")


def test_the_challenge_is_never_shown() -> None:
    request = CertificateRequest.from_der(make_request([_SECRET]))
    for shown in (repr(request), str(request), f"{request}"):
        assert "device" in shown
        assert "secret" not in shown
        assert b"secret".hex() not in shown


def test_errors_do_not_show_it_either() -> None:
    twice = make_request([_SECRET, _SECRET])
    damaged = make_request([_SECRET]).replace(b"secret", b"sEcret")
    for der in (twice, damaged):
        with pytest.raises(RequestError) as caught:
            CertificateRequest.from_der(der)
        assert "secret" not in repr(caught.value).lower() + caught.value.public


def test_a_request_is_a_value() -> None:
    der = make_request([_SECRET])
    one, other = CertificateRequest.from_der(der), CertificateRequest.from_der(der)
    assert one == other
    assert len({one, other}) == 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        one.challenge = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        one.extensions["1.2.3"] = (False, b"")  # type: ignore[index]
