"""Keys in a vault: how often it is asked, which version signs, and what is refused before it is asked at all."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed

from shared.errors import AlgorithmRefused, IssuanceFault, KeyUnavailable
from shared.keys.keyvault import KeyVaultKeys
from shared.keys.ports import SigningKey
from shared.keys.signatures import sign, signature_algorithm, verify
from shared.keys.vault_names import VaultName
from shared.keys.vaults import Vaults
from tests.vault.clients import key_name, make_key, vaults_over, version_of
from tests.vault.credential import AUDIENCE, FakeCredential
from tests.vault.server import FakeVault
from tests.vault.trouble import Raw, Replaces

SHA256 = hashes.SHA256()


def mgf(digest: hashes.HashAlgorithm = SHA256) -> padding.MGF1:
    return padding.MGF1(digest)


def make(vaults: Vaults, vault: FakeVault, algorithm: str, **options: Any) -> SigningKey:
    """A key called "key", found as a new process finds it."""
    make_key(vaults, vault.url, "key", algorithm, **options)
    return KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))


def test_a_signature_is_one_call_and_the_public_key_is_read_once(vault: FakeVault, vaults: Vaults) -> None:
    keys = KeyVaultKeys(vaults)
    make_key(vaults, vault.url, "key", "p-256")
    for _ in range(5):
        key = keys.signing_key(key_name(vault, "key"))
        assert key.public_key().curve.name == "secp256r1"  # type: ignore[union-attr]
        sign(key, b"data")
    assert vault.calls == {"keys/create": 1, "keys/get": 1, "keys/sign": 5}
    assert vault.challenges == 1


def test_many_threads_that_need_a_key_at_once_read_it_once(vault: FakeVault, vaults: Vaults) -> None:
    keys, found = KeyVaultKeys(vaults), list[SigningKey]()
    make_key(vaults, vault.url, "key", "p-256")
    threads = [
        threading.Thread(target=lambda: found.append(keys.signing_key(key_name(vault, "key"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
    assert vault.calls["keys/get"] == 1


def test_tokens_are_asked_for_the_audience_of_the_settings_only(vault: FakeVault) -> None:
    credential = FakeCredential()
    with vaults_over(vault, credential=credential) as vaults:
        sign(make(vaults, vault, "p-256"), b"data")
    assert set(credential.scopes) == {f"{AUDIENCE}/.default"}


def test_a_vault_outside_its_audience_is_not_trusted_without_that_setting(vault: FakeVault) -> None:
    credential = FakeCredential()
    with vaults_over(vault, credential=credential) as usual:
        vaults = Vaults(credential, transport=usual.transport)
        with pytest.raises(KeyUnavailable, match="SCEPTER_VAULT_AUDIENCE"):
            KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
    assert credential.scopes == []


def test_a_version_that_is_named_is_the_one_that_signs(vault: FakeVault, vaults: Vaults) -> None:
    old = make(vaults, vault, "p-256")
    vaults.at(vault.url).keys.rotate_key("key")
    named = KeyVaultKeys(vaults).signing_key(key_name(vault, "key", version_of(old)))
    assert named.public_key() == old.public_key()
    verify(old.public_key(), signature_algorithm(old), b"data", sign(named, b"data"))


def test_a_process_keeps_to_the_version_it_began_with_and_says_so(
    vault: FakeVault, vaults: Vaults, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "scepter.vault"):
        key = make(vaults, vault, "p-256")
    assert f"means {vault.url}/keys/key/{version_of(key)}" in caplog.text
    vaults.at(vault.url).keys.rotate_key("key")
    verify(key.public_key(), signature_algorithm(key), b"data", sign(key, b"data"))
    fresh = KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
    assert fresh.public_key() != key.public_key()


def test_a_certificate_finds_its_key_among_the_versions(vault: FakeVault, vaults: Vaults) -> None:
    old = make(vaults, vault, "p-256")
    for _ in range(2):
        vaults.at(vault.url).keys.rotate_key("key")
    keys = KeyVaultKeys(vaults)
    found = keys.signing_key(key_name(vault, "key"), old.public_key())
    assert version_of(found) == version_of(old)
    asked = vault.calls.copy()
    assert keys.signing_key(key_name(vault, "key"), old.public_key()) is found
    assert vault.calls == asked


def test_a_certificate_of_no_version_is_refused(vault: FakeVault, vaults: Vaults) -> None:
    make(vaults, vault, "p-256")
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    with pytest.raises(KeyUnavailable, match="no version of"):
        KeyVaultKeys(vaults).signing_key(key_name(vault, "key"), stranger)


def test_a_version_that_is_named_is_not_exchanged_for_another(vault: FakeVault, vaults: Vaults) -> None:
    old = make(vaults, vault, "p-256")
    vaults.at(vault.url).keys.rotate_key("key")
    stranger = ec.generate_private_key(ec.SECP256R1()).public_key()
    named = KeyVaultKeys(vaults).signing_key(key_name(vault, "key", version_of(old)), stranger)
    assert named.public_key() == old.public_key()


REFUSED_BY_RSA: dict[str, tuple[Any, Any]] = {
    "pss max": (padding.PSS(mgf(), padding.PSS.MAX_LENGTH), SHA256),
    "pss auto": (padding.PSS(mgf(), padding.PSS.AUTO), SHA256),
    "pss number": (padding.PSS(mgf(), 32), SHA256),
    "pss zero": (padding.PSS(mgf(), 0), SHA256),
    "pss two digests": (padding.PSS(mgf(hashes.SHA512()), padding.PSS.DIGEST_LENGTH), SHA256),
    "oaep": (padding.OAEP(mgf(), SHA256, None), SHA256),
    "sha-1": (padding.PKCS1v15(), hashes.SHA1()),
    "sha-224": (padding.PKCS1v15(), hashes.SHA224()),
    "sha3-256": (padding.PKCS1v15(), hashes.SHA3_256()),
    "prehashed": (padding.PKCS1v15(), Prehashed(SHA256)),
    "no digest info": (padding.PKCS1v15(), NoDigestInfo()),
}


@pytest.fixture
def rsa_key(vault: FakeVault, vaults: Vaults) -> rsa.RSAPrivateKey:
    key = make(vaults, vault, "rsa-2048")
    assert isinstance(key, rsa.RSAPrivateKey)
    return key


def test_what_an_rsa_key_in_a_vault_does_not_sign(vault: FakeVault, rsa_key: rsa.RSAPrivateKey) -> None:
    for how, digest in REFUSED_BY_RSA.values():
        with pytest.raises(AlgorithmRefused):
            rsa_key.sign(bytes(32), how, digest)
    assert vault.calls["keys/sign"] == 0


@pytest.mark.parametrize("digest", [SHA256, hashes.SHA384(), hashes.SHA512()], ids=lambda it: str(it.name))
def test_pss_with_a_salt_as_long_as_the_digest(
    rsa_key: rsa.RSAPrivateKey, digest: hashes.HashAlgorithm
) -> None:
    pss = padding.PSS(mgf(digest), padding.PSS.DIGEST_LENGTH)
    signature = rsa_key.sign(b"data", pss, digest)
    rsa_key.public_key().verify(signature, b"data", padding.PSS(mgf(digest), digest.digest_size), digest)


def test_what_an_rsa_key_in_a_vault_does_not_decrypt(vault: FakeVault, rsa_key: rsa.RSAPrivateKey) -> None:
    for how in (
        padding.OAEP(mgf(hashes.SHA1()), hashes.SHA1(), None),
        padding.OAEP(mgf(hashes.SHA1()), SHA256, None),
        padding.OAEP(mgf(hashes.SHA512()), hashes.SHA512(), None),
        padding.OAEP(mgf(), SHA256, b"label"),
        padding.PSS(mgf(), padding.PSS.DIGEST_LENGTH),
    ):
        with pytest.raises(AlgorithmRefused):
            rsa_key.decrypt(bytes(256), how)
    assert vault.calls["keys/decrypt"] == 0


@pytest.mark.parametrize(
    "how", [padding.PKCS1v15(), padding.OAEP(mgf(), SHA256, None)], ids=["pkcs1", "oaep"]
)
def test_decryption_is_one_call_and_fails_as_a_software_key_does(
    vault: FakeVault, rsa_key: rsa.RSAPrivateKey, how: Any
) -> None:
    assert rsa_key.decrypt(rsa_key.public_key().encrypt(b"secret", how), how) == b"secret"
    for wrong in (bytes(255) + b"\x02", bytes(10), b""):
        with pytest.raises(ValueError, match="Decryption failed"):
            rsa_key.decrypt(wrong, how)
    assert vault.calls["keys/decrypt"] == 4


@pytest.mark.parametrize(
    ("algorithm", "digest"),
    [("p-256", hashes.SHA384()), ("p-384", SHA256), ("p-521", SHA256), ("p-256", hashes.SHA1())],
)
def test_a_curve_has_one_digest(
    vault: FakeVault, vaults: Vaults, algorithm: str, digest: hashes.HashAlgorithm
) -> None:
    key = make(vaults, vault, algorithm)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    for refused in (ec.ECDSA(digest), ec.ECDSA(Prehashed(SHA256))):
        with pytest.raises(AlgorithmRefused):
            key.sign(bytes(32), refused)
    assert vault.calls["keys/sign"] == 0


def test_a_signature_cannot_be_asked_to_be_deterministic(vault: FakeVault, vaults: Vaults) -> None:
    key = make(vaults, vault, "p-256")
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    with pytest.raises(AlgorithmRefused, match="randomness"):
        key.sign(b"data", ec.ECDSA(SHA256, deterministic_signing=True))


@pytest.mark.parametrize("algorithm", ["rsa-2048", "p-256"])
def test_a_key_does_not_leave_its_vault(vault: FakeVault, vaults: Vaults, algorithm: str) -> None:
    key: Any = make(vaults, vault, algorithm)
    attempts: list[Callable[[], object]] = [
        key.private_numbers,
        lambda: key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    ]
    if algorithm == "p-256":
        attempts.append(lambda: key.exchange(ec.ECDH(), key.public_key()))
    for attempt in attempts:
        with pytest.raises(IssuanceFault, match="does not leave its vault"):
            attempt()
    assert f"keys/key/{version_of(key)}" in repr(key)


def test_a_key_that_may_not_do_it_is_refused_when_it_is_found(vault: FakeVault, vaults: Vaults) -> None:
    make_key(vaults, vault.url, "key", "rsa-2048", key_operations=["decrypt"])
    with pytest.raises(KeyUnavailable, match="may not sign; what it is permitted is decrypt"):
        KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))
    assert KeyVaultKeys(vaults).decryption_key(key_name(vault, "key")).key_size == 2048


def test_a_key_that_is_disabled_is_refused_with_the_remedy(vault: FakeVault, vaults: Vaults) -> None:
    make_key(vaults, vault.url, "key", "p-256", enabled=False)
    with pytest.raises(KeyUnavailable, match="az keyvault key set-attributes --enabled true"):
        KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))


@pytest.mark.parametrize("algorithm", ["p-256", "p-256K"])
def test_only_rsa_decrypts_and_only_three_curves_sign(
    vault: FakeVault, vaults: Vaults, algorithm: str
) -> None:
    make_key(vaults, vault.url, "key", algorithm)
    with pytest.raises(KeyUnavailable, match="may not decrypt"):
        KeyVaultKeys(vaults).decryption_key(key_name(vault, "key"))
    if algorithm == "p-256K":
        with pytest.raises(KeyUnavailable, match="neither an RSA key nor one on P-256, P-384 or P-521"):
            KeyVaultKeys(vaults).signing_key(key_name(vault, "key"))


def test_keys_of_two_vaults(
    vault: FakeVault, vaults: Vaults, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Each is asked at its own place, with its own budget."""
    with FakeVault(tmp_path_factory.mktemp("other")) as other, vaults_over(other) as others:
        first, second = make(vaults, vault, "p-256"), make(others, other, "p-256")
        assert sign(first, b"x")
        assert sign(second, b"x")
        assert vaults.at(vault.url) is vaults.at(vault.url)
        assert vaults.at(vault.url).throttle is not others.at(other.url).throttle
        assert vault.calls["keys/sign"] == other.calls["keys/sign"] == 1


@pytest.mark.parametrize(
    "answer",
    [
        Replaces({"value": None}),
        Replaces({"value": "AAAA"}),
        Replaces({"value": "*"}),
        Replaces({"value": 7}),
        Replaces({"value": ""}),
        Raw(b"<html>proxy</html>"),
        Raw(b""),
        Raw(b"[]"),
        Raw(b"{}"),
    ],
    ids=repr,
)
def test_an_answer_that_is_no_signature(vault: FakeVault, answer: Any) -> None:
    with vaults_over(vault, patience=1.0) as vaults:
        key = make(vaults, vault, "p-256")
        vault.script("keys/sign", answer, times=9)
        with pytest.raises(KeyUnavailable):
            sign(key, b"data")


def test_names_with_a_kind_of_another(vault: FakeVault, vaults: Vaults) -> None:
    with pytest.raises(KeyUnavailable, match="there is no such key"):
        KeyVaultKeys(vaults).signing_key(VaultName(vault.url, "keys", "none"))
