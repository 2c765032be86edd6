"""Tokens: as whom a tenant is asked, for what, how long they are kept, and where they do not go."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, pkcs12

from fakes.microsoft import FakeIntune, Status
from fakes.microsoft.entra import IDENTITY_HEADER, SCEP_ROLE
from shared.errors import IntuneUnavailable
from shared.intune.client import IntuneClient
from tests.intune.scene import NOT_AFTER, allowed, client_for, refused
from tests.scep.authority import csr, key


def test_the_scope_has_two_slashes_and_can_have_one(fake: FakeIntune, request_der: bytes) -> None:
    client = client_for(fake)
    assert allowed(client, request_der)
    scopes = [call.request.form["scope"] for call in fake.calls if call.act == "token"]
    assert scopes == ["https://graph.microsoft.com/.default", "https://api.manage.microsoft.com//.default"]
    client.close()
    fake.entra.intune_audience = "https://api.manage.microsoft.com"
    single = client_for(fake, SCOPE="https://api.manage.microsoft.com/.default")
    assert allowed(single, request_der)
    single.close()


def test_a_wrong_secret_is_told_by_entras_own_words(fake: FakeIntune, request_der: bytes) -> None:
    client = client_for(fake, CLIENT_SECRET="not-the-secret")
    refused(client, request_der, "no token from Entra", "AADSTS7000215")
    client.close()


@pytest.mark.parametrize("form", ["pem", "pfx"])
def test_a_certificate_will_do_as_a_secret_does(fake: FakeIntune, request_der: bytes, form: str) -> None:
    name = x509.Name.from_rfc4514_string("CN=scepter")
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.public_key(key(7).public_key())
    builder = builder.not_valid_before(datetime(2026, 1, 1, tzinfo=UTC)).not_valid_after(NOT_AFTER)
    certificate = builder.sign(key(7), hashes.SHA256())
    if form == "pem":
        private = key(7).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        text = (private + certificate.public_bytes(Encoding.PEM)).decode()
    else:
        pfx = pkcs12.serialize_key_and_certificates(b"x", key(7), certificate, None, NoEncryption())
        text = base64.b64encode(pfx).decode()
    public = key(7).public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    fake.entra.certificate_key = public
    client = client_for(fake, CLIENT_SECRET="", CLIENT_CERTIFICATE=text)
    assert allowed(client, request_der)
    client.close()
    fake.entra.certificate_key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    client = client_for(fake, CLIENT_SECRET="", CLIENT_CERTIFICATE=text)
    refused(client, request_der, "no token from Entra")
    client.close()


@pytest.mark.parametrize(
    "text", ["rubbish!", "QUJD", "-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----"]
)
def test_a_certificate_that_is_none_is_told_and_not_shown(
    fake: FakeIntune, request_der: bytes, text: str
) -> None:
    client = client_for(fake, CLIENT_SECRET="", CLIENT_CERTIFICATE=text)
    with pytest.raises(IntuneUnavailable, match="client certificate") as away:
        client.validate("transaction-1", request_der)
    assert "QUJD" not in away.value.reason
    client.close()


@pytest.mark.parametrize("identity", ["", "aaaabbbb-cccc-4ddd-8eee-000011112222"])
def test_without_secret_and_certificate_the_managed_identity_asks(
    fake: FakeIntune, request_der: bytes, monkeypatch: pytest.MonkeyPatch, identity: str
) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{fake.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", IDENTITY_HEADER)
    client = client_for(fake, CLIENT_ID="", CLIENT_SECRET="", managed_identity=identity)
    assert allowed(client, request_der)
    asked = [call.request.query for call in fake.calls if call.act == "managed identity"]
    assert [query["resource"] for query in asked] == [
        "https://graph.microsoft.com",
        "https://api.manage.microsoft.com/",
    ]
    assert {query.get("client_id", "") for query in asked} == {identity}
    client.close()


def test_tokens_that_have_ended_are_replaced(fake: FakeIntune, request_der: bytes) -> None:
    fake.entra.lifetime = 1
    client = client_for(fake)
    assert allowed(client, request_der)
    assert allowed(client, request_der)
    assert fake.acts("token").count("token") >= 3
    client.close()


def test_tokens_that_are_refused_are_dropped_once(
    fake: FakeIntune, client: IntuneClient, request_der: bytes
) -> None:
    """New ones that are refused too are final for a while: thousands of devices must not become as many tokens."""
    assert allowed(client, request_der)
    fake.entra.tokens.clear()
    assert allowed(client, request_der)
    fake.calls.clear()
    fake.entra.roles -= {SCEP_ROLE}
    fake.entra.tokens.clear()
    for _ in range(4):
        refused(client, request_der, "HTTP 401", "lacks the role")
    assert fake.acts("token").count("token") == 1
    assert fake.acts("validateRequest").count("validateRequest") == 5


def test_a_service_over_http_gets_no_token(
    fake: FakeIntune, client: IntuneClient, request_der: bytes
) -> None:
    body = b'{"value":[{"providerName":"ScepRequestValidationFEService","uri":"http://127.0.0.1:9/x"}]}'
    fake.script("discovery", Status(200, body=body), Status(200, body=body))
    refused(client, request_der, "cannot be reached (ServiceRequestError)")
    assert fake.acts("token") == ["token"]


@pytest.fixture
def untrusted(tmp_path: Path) -> Iterator[FakeIntune]:
    with FakeIntune(tmp_path) as fake:
        yield fake


def test_a_service_whose_certificate_nobody_vouches_for_gets_nothing(untrusted: FakeIntune) -> None:
    client = client_for(untrusted)
    refused(client, csr(challenge="x"), "no token from Entra")
    assert untrusted.calls == []
    client.close()
