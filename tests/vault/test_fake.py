"""The fake vault speaks as Key Vault does: asked by Microsoft's own clients, and by requests of our own."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from azure.core.exceptions import HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.keyvault.keys.crypto import EncryptionAlgorithm, KeyWrapAlgorithm, SignatureAlgorithm

from shared.keys.vault_client import Vault
from shared.keys.vaults import Vaults
from tests.vault.answers import encode
from tests.vault.clients import make_key, vaults_over
from tests.vault.credential import AUDIENCE, FakeCredential
from tests.vault.limiter import Limiter
from tests.vault.server import FakeVault

VERSION = {"api-version": "7.4"}


@pytest.fixture
def vaults(vault: FakeVault) -> Iterator[Vaults]:
    with vaults_over(vault) as made:
        yield made


@pytest.fixture
def client(vault: FakeVault, vaults: Vaults) -> Vault:
    return vaults.at(vault.url)


@pytest.fixture
def http(vault: FakeVault) -> Iterator[httpx.Client]:
    token = FakeCredential().get_token(f"{AUDIENCE}/.default").token
    context = ssl.create_default_context(cafile=vault.trust)
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=vault.url, verify=context, headers=headers, trust_env=False) as client:
        yield client


@pytest.mark.parametrize(
    "authorization", ["", "Bearer nonsense", "Bearer fake|app|https://graph.microsoft.com|9999999999"]
)
def test_who_brings_no_token_for_vaults_is_challenged(http: httpx.Client, authorization: str) -> None:
    answer = http.get("/keys/any", params=VERSION, headers={"Authorization": authorization})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith(
        'Bearer authorization="https://login.microsoftonline.com/'
    )
    assert f'resource="{AUDIENCE}"' in answer.headers["www-authenticate"]
    assert answer.json()["error"]["code"] == "Unauthorized"


@pytest.mark.parametrize(
    ("version", "status"), [("", 400), ("1999-01-01", 400), ("7.4", 404), ("2025-07-01", 404)]
)
def test_the_version_of_the_api_is_checked(http: httpx.Client, version: str, status: int) -> None:
    assert http.get("/keys/any", params={"api-version": version}).status_code == status


def test_the_shapes_of_a_key(http: httpx.Client, vault: FakeVault) -> None:
    body = {"kty": "EC-HSM", "crv": "P-384", "key_ops": ["sign"]}
    made = http.post("/keys/name/create", params=VERSION, json=body).json()
    version = made["key"]["kid"].removeprefix(f"{vault.url}/keys/name/")
    assert len(version) == 32
    assert made["key"] | {"x": "", "y": ""} == {
        "kid": f"{vault.url}/keys/name/{version}",
        "kty": "EC-HSM",
        "crv": "P-384",
        "key_ops": ["sign"],
        "x": "",
        "y": "",
    }
    assert "=" not in made["key"]["x"]
    assert made["attributes"]["enabled"] is True
    assert http.get("/keys/name", params=VERSION).json() == made
    assert http.get(f"/keys/name/{version}", params=VERSION).json() == made


def test_operations_of_an_rsa_key(client: Vault, vaults: Vaults) -> None:
    make_key(vaults, client.url, "key", "rsa-2048")
    remote = client.cryptography(client.keys.get_key("key"))
    for plain, sealed in (("encrypt", "decrypt"), ("wrap_key", "unwrap_key")):
        algorithms: Any = EncryptionAlgorithm if plain == "encrypt" else KeyWrapAlgorithm
        for algorithm in (algorithms.rsa1_5, algorithms.rsa_oaep, algorithms.rsa_oaep_256):
            there = getattr(remote, plain)(algorithm, b"secret")
            back = getattr(remote, sealed)(
                algorithm, getattr(there, "ciphertext", None) or there.encrypted_key
            )
            assert b"secret" in (getattr(back, "plaintext", None), getattr(back, "key", None))


@pytest.mark.parametrize(("algorithm", "alg", "size"), [("rsa-2048", "PS256", 32), ("p-521", "ES512", 64)])
def test_signatures_are_verified_there_too(
    http: httpx.Client, client: Vault, vaults: Vaults, algorithm: str, alg: str, size: int
) -> None:
    make_key(vaults, client.url, "key", algorithm)
    key = client.keys.get_key("key")
    signature = client.cryptography(key).sign(SignatureAlgorithm(alg), bytes(size)).signature
    path = f"/keys/key/{key.properties.version}/verify"
    for digest, holds in ((bytes(size), True), (bytes(size - 1) + b"x", False)):
        body = {"alg": alg, "digest": encode(digest), "value": encode(signature)}
        assert http.post(path, params=VERSION, json=body).json() == {"value": holds}


@pytest.mark.parametrize(
    ("algorithm", "alg", "size", "status"),
    [
        ("p-256", "ES256", 32, 200),
        ("p-256", "ES256", 48, 400),
        ("p-256", "ES384", 48, 400),
        ("p-256", "RS256", 32, 400),
        ("rsa-2048", "ES256", 32, 400),
        ("rsa-2048", "RS1", 20, 400),
        ("rsa-2048", "RS256", 31, 400),
    ],
)
def test_algorithm_and_digest_have_to_fit(
    http: httpx.Client, client: Vault, vaults: Vaults, algorithm: str, alg: str, size: int, status: int
) -> None:
    make_key(vaults, client.url, "key", algorithm)
    version = client.keys.get_key("key").properties.version
    body = {"alg": alg, "value": encode(bytes(size))}
    assert http.post(f"/keys/key/{version}/sign", params=VERSION, json=body).status_code == status


def test_what_a_key_is_permitted_is_enforced(client: Vault, vaults: Vaults) -> None:
    make_key(vaults, client.url, "key", "rsa-2048", key_operations=["sign"])
    remote = client.cryptography(client.keys.get_key("key"))
    with pytest.raises(HttpResponseError, match="not permitted on this key") as refused:
        remote.decrypt(EncryptionAlgorithm.rsa1_5, bytes(256))
    assert refused.value.status_code == 403


def test_a_disabled_key_does_not_sign_and_still_verifies(client: Vault, vaults: Vaults) -> None:
    make_key(vaults, client.url, "key", "p-256")
    key = client.keys.get_key("key")
    remote = client.cryptography(key)
    signature = remote.sign(SignatureAlgorithm.es256, bytes(32)).signature
    client.keys.update_key_properties("key", enabled=False, version=key.properties.version)
    assert client.keys.get_key("key").properties.enabled is False
    with pytest.raises(HttpResponseError, match="disabled"):
        remote.sign(SignatureAlgorithm.es256, bytes(32))
    assert remote.verify(SignatureAlgorithm.es256, bytes(32), signature).is_valid


Maker = Callable[[], object]


@pytest.mark.parametrize("noun", ["key", "secret"])
def test_deletion_is_soft_until_it_is_purged(client: Vault, noun: str) -> None:
    api: Any = client.keys if noun == "key" else client.secrets
    make: Maker = (
        (lambda: api.create_ec_key("name")) if noun == "key" else (lambda: api.set_secret("name", "v"))
    )
    get = getattr(api, f"get_{noun}")
    make()
    getattr(api, f"begin_delete_{noun}")("name").wait()
    with pytest.raises(ResourceNotFoundError, match="recover"):
        get("name")
    with pytest.raises(ResourceExistsError, match="deleted but recoverable"):
        make()
    assert getattr(api, f"get_deleted_{noun}")("name").name == "name"
    getattr(api, f"begin_recover_deleted_{noun}")("name").wait()
    assert get("name").name == "name"
    getattr(api, f"begin_delete_{noun}")("name").wait()
    getattr(api, f"purge_deleted_{noun}")("name")
    with pytest.raises(ResourceNotFoundError):
        getattr(api, f"get_deleted_{noun}")("name")
    make()


def test_versions_are_listed_in_pages(client: Vault, vault: FakeVault) -> None:
    for _ in range(27):
        client.keys.create_ec_key("name")
    listed = list(client.keys.list_properties_of_key_versions("name"))
    assert len({each.version for each in listed}) == 27
    assert vault.calls["keys/list"] == 2
    assert client.keys.get_key("name").properties.version == vault.keys.find("name").version


def test_the_limit_holds_in_any_window_and_says_when_to_come_again(
    client: Vault, vault: FakeVault, vaults: Vaults
) -> None:
    make_key(vaults, client.url, "key", "p-256")
    vault.limiter = Limiter(5, seconds=1.0)
    started, refused = time.monotonic(), 0
    while time.monotonic() - started < 2.5:
        try:
            client.keys.get_key("key")
        except HttpResponseError as error:
            assert error.status_code == 429
            assert dict(getattr(error.response, "headers", {}))["Retry-After"] == "1"
            refused += 1
    assert refused == vault.limiter.refused > 0
    assert 13 <= len(vault.limiter.served) <= 15
    for first, sixth in zip(vault.limiter.served, vault.limiter.served[5:], strict=False):
        assert sixth - first >= 1.0


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/keys/a_b"), ("PUT", "/keys/x/y"), ("POST", "/keys/x/00/sign")],
)
def test_what_is_no_resource(http: httpx.Client, method: str, path: str) -> None:
    assert http.request(method, path, params=VERSION).status_code == 404
