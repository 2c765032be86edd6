"""Identities kept as versions of a secret: what is loaded, in which order, and what is passed over."""

from __future__ import annotations

import logging

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.asn1.pem import pem
from shared.ca.kept_identities import KeptIdentities, from_text, to_pem
from shared.errors import KeyUnavailable, MalformedMessage
from shared.keys import software
from shared.keys.memory_secrets import MemorySecretStore
from shared.keys.ports import SigningKey
from shared.keys.secrets import SecretVersion
from shared.x509.certificate import Certificate
from tests.programs import OpenSSL
from tests.scep.authority import DAY, NOW, key, tiers

NAME = "scep-ra"


class CountingStore(MemorySecretStore):
    """`reads` is each version that was read."""

    def __init__(self) -> None:
        self.now = NOW
        self.reads: list[str] = []
        super().__init__(lambda: self.now)

    def read(self, name: str, version: str) -> str:
        self.reads.append(version)
        return super().read(name, version)


@pytest.fixture
def store() -> CountingStore:
    return CountingStore()


@pytest.fixture
def kept(store: CountingStore) -> KeptIdentities:
    return KeptIdentities(store, NAME, lambda: store.now)


def ra() -> tuple[Certificate, SigningKey]:
    identity = tiers("p-256")[3]
    return identity.certificate, identity.key


def test_what_was_added_is_loaded(store: CountingStore, kept: KeptIdentities) -> None:
    certificate, private = ra()
    added = kept.add(certificate, private)
    (loaded,) = kept.load()
    assert loaded.certificate == certificate
    assert loaded.key.public_key() == private.public_key()
    assert loaded.since == added.since == NOW
    (version,) = store.versions(NAME)
    assert version.ends_at == certificate.not_after


@pytest.mark.parametrize("algorithm", ["rsa-2048", "p-256", "p-384"])
def test_openssl_reads_the_secret(openssl: OpenSSL, algorithm: str) -> None:
    _, issuing, private, _ = tiers(algorithm)
    text = to_pem(issuing, private)
    (openssl.folder / "both.pem").write_text(text)
    of_certificate = openssl.run("x509", "-in", "both.pem", "-noout", "-pubkey")
    assert openssl.run("pkey", "-in", "both.pem", "-pubout") == of_certificate
    assert from_text(text)[0].der == issuing.der


def test_versions_overlap_and_end(store: CountingStore, kept: KeptIdentities) -> None:
    certificate, private = ra()
    first = kept.add(certificate, private)
    store.now += DAY
    second = kept.add(certificate, private)
    assert [each.since for each in kept.load()] == [first.since, second.since] == [NOW, NOW + DAY]
    store.now = certificate.not_after
    assert kept.load() == []


def test_a_value_is_read_once(store: CountingStore, kept: KeptIdentities) -> None:
    kept.add(*ra())
    for _ in range(3):
        kept.load()
    kept.add(*ra())
    kept.load()
    assert len(store.reads) == len(set(store.reads)) == 2


def test_a_disabled_version_is_not_used_any_more(store: CountingStore, kept: KeptIdentities) -> None:
    kept.add(*ra())
    (version,) = store.versions(NAME)
    assert len(kept.load()) == 1
    store.enable(NAME, version.version, False)
    assert kept.load() == []


def test_none_is_none(kept: KeptIdentities) -> None:
    assert kept.load() == []


def _edwards() -> str:
    der = ed25519.Ed25519PrivateKey.generate().private_bytes(
        Encoding.DER, PrivateFormat.PKCS8, NoEncryption()
    )
    return (pem("CERTIFICATE", ra()[0].der) + pem("PRIVATE KEY", der)).decode()


BROKEN = {
    "no PEM": "a password somebody put here",
    "no key": pem("CERTIFICATE", b"\x30\x00").decode(),
    "no certificate": to_pem(*ra()).partition("-----BEGIN PRIVATE")[2],
    "cut off": to_pem(*ra())[:-40],
    "another's key": to_pem(ra()[0], key(1)),
    "another kind of key": _edwards(),
    "key that is none": (pem("CERTIFICATE", ra()[0].der) + pem("PRIVATE KEY", b"\x30\x00")).decode(),
    "certificate that is none": (pem("CERTIFICATE", b"\x30\x00") + pem("PRIVATE KEY", b"\x30\x00")).decode(),
    "letters beyond": "\udcff" + to_pem(*ra()) + "-----BEGIN X-----\n",
}


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_what_is_no_identity_is_told_and_passed_over(
    store: CountingStore, kept: KeptIdentities, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(MalformedMessage):
        from_text(text)
    kept.add(*ra())
    store._kept[NAME]["bad"] = SecretVersion("bad", NOW), text
    with caplog.at_level(logging.WARNING):
        assert len(kept.load()) == 1
    assert f"secret {NAME}, version bad" in caplog.text
    assert "PRIVATE" not in caplog.text
    assert "password" not in caplog.text


def test_the_first_of_a_kind_counts() -> None:
    certificate, private = ra()
    text = to_pem(certificate, private) + to_pem(tiers("p-256")[1], software.generate("p-256"))
    assert from_text(text)[0].der == certificate.der


def test_a_store_that_is_away_is_told(
    kept: KeptIdentities, store: CountingStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: str) -> list[SecretVersion]:
        raise KeyUnavailable("the vault is away")

    monkeypatch.setattr(store, "versions", away)
    with pytest.raises(KeyUnavailable):
        kept.load()


def test_an_identity_does_not_show_its_key(kept: KeptIdentities) -> None:
    kept.add(*ra())
    assert "key" not in repr(kept.load()[0]).replace("spki", "")


def test_two_at_the_same_second_are_both_good(store: CountingStore, kept: KeptIdentities) -> None:
    other = KeptIdentities(store, NAME, lambda: store.now)
    kept.add(*ra())
    other.add(*ra())
    assert len(kept.load()) == len(other.load()) == 2
    assert {each.since for each in kept.load()} == {NOW}
