"""Passwords sealed to import keys: by OAEP with SHA-256 only, and forgotten when they were used."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.errors import AlgorithmRefused, IntegrityFailure, KeyUnavailable, PolicyViolation
from shared.pfx.import_key_folder import NAME, SoftwareImportKeys
from shared.pfx.import_keys import ImportKey, UnknownImportKey, check_padding, opened, versioned
from shared.store.parcels import SealedPassword
from tests.pfx.imported_site import VaultOfTests, import_key
from tests.programs import OpenSSL


def sealed(password: bytes = b"secret", number: int = 1) -> SealedPassword:
    return ImportKey("import", f"v{number}", import_key(number).public_key()).seal(password)


@pytest.mark.parametrize("password", [b"x", b"secret", "pässwörd € 雪".encode(), b"x" * 190])
def test_a_password_comes_back_as_it_went(password: bytes) -> None:
    with opened(VaultOfTests(), sealed(password)) as secret:
        assert bytes(secret) == password


def test_it_is_overwritten_at_the_end_however_it_ends() -> None:
    with opened(VaultOfTests(), sealed()) as secret:
        assert secret == b"secret"
    assert secret == bytes(6)
    with pytest.raises(ZeroDivisionError), opened(VaultOfTests(), sealed()) as secret:
        raise ZeroDivisionError
    assert secret == bytes(6)


def test_openssl_opens_what_was_sealed(openssl: OpenSSL) -> None:
    pem = import_key(1).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (openssl.folder / "import.pem").write_bytes(pem)
    found = openssl.run(
        *("pkeyutl", "-decrypt", "-inkey", "import.pem", "-pkeyopt", "rsa_padding_mode:oaep"),
        *("-pkeyopt", "rsa_oaep_md:sha256", "-pkeyopt", "rsa_mgf1_md:sha256"),
        data=sealed().ciphertext,
    )
    assert found == b"secret"


def test_a_password_that_is_too_long_is_refused_before_it_is_sealed() -> None:
    with pytest.raises(PolicyViolation, match="191 octets, and the import key takes 190"):
        sealed(b"x" * 191)
    assert ImportKey("a", "b", import_key(1).public_key()).longest_password == 190


@pytest.mark.parametrize("digest", [hashes.SHA512(), hashes.SHA384(), hashes.SHA1()])
def test_other_padding_does_not_open(digest: hashes.HashAlgorithm) -> None:
    oaep = padding.OAEP(padding.MGF1(digest), digest, None)
    password = SealedPassword("import", "v1", import_key(1).public_key().encrypt(b"secret", oaep))
    with pytest.raises(IntegrityFailure, match="other padding"):
        versioned(VaultOfTests(), password)


@pytest.mark.parametrize("ciphertext", [b"", b"x", bytes(256), bytes(384), b"\xff" * 256])
def test_what_no_key_made_does_not_open(ciphertext: bytes) -> None:
    with pytest.raises(IntegrityFailure, match="does not open"):
        versioned(VaultOfTests(), SealedPassword("import", "v1", ciphertext))


def test_an_empty_password_is_none() -> None:
    with pytest.raises(IntegrityFailure, match="empty"):
        versioned(VaultOfTests(), sealed(b""))


def test_a_version_that_is_not_told_is_found() -> None:
    keys = VaultOfTests(3)
    for number in (1, 2, 3):
        assert versioned(keys, replace(sealed(number=number), version="")).version == f"v{number}"
    with pytest.raises(IntegrityFailure):
        versioned(keys, replace(sealed(number=2), version="v1"))


@pytest.mark.parametrize(("key", "version"), [("theirs", "v1"), ("theirs", ""), ("import", "v9")])
def test_a_key_of_somebody_else_is_named_with_ours(key: str, version: str) -> None:
    with pytest.raises(UnknownImportKey, match=r"not one of ours.*sealed to import"):
        versioned(VaultOfTests(), replace(sealed(), key=key, version=version))


def test_a_key_that_is_away_says_so() -> None:
    keys = VaultOfTests()
    keys.away = {"v1"}
    with pytest.raises(KeyUnavailable):
        versioned(keys, sealed())


@pytest.mark.parametrize("scheme", ["oaepSha256", "OaepSha256", "OAEPSHA256"])
def test_the_one_padding_is_known_in_any_case(scheme: str) -> None:
    check_padding(scheme)


@pytest.mark.parametrize("scheme", ["oaepSha512", "OaepSha384", "oaepSha1", "pkcs1", "none", "", "x" * 500])
def test_any_other_padding_is_refused_with_the_remedy(scheme: str) -> None:
    with pytest.raises(AlgorithmRefused, match="PaddingScheme OaepSha256") as refused:
        check_padding(scheme)
    assert "PaddingScheme OaepSha256" in refused.value.public
    assert len(refused.value.public) < 300


def test_the_folders_first_key_is_made_when_it_is_asked_for(tmp_path: Path) -> None:
    keys = SoftwareImportKeys(tmp_path / "ca")
    (current,) = keys.versions()
    assert (current.name, current.public_key.key_size) == (NAME, 3072)
    assert (tmp_path / "ca" / "import.key").stat().st_mode & 0o777 == 0o600
    again = SoftwareImportKeys(tmp_path / "ca").versions()
    assert [key.version for key in again] == [current.version]
    assert sorted(path.name for path in (tmp_path / "ca").iterdir()) == ["import.key"]


def test_keys_stand_side_by_side_and_the_newest_is_current(tmp_path: Path) -> None:
    keys, other = SoftwareImportKeys(tmp_path), SoftwareImportKeys(tmp_path)
    first = keys.versions()[0]
    old = first.seal(b"secret")
    second = keys.rotate()
    assert [key.version for key in other.versions()] == [second.version, first.version]
    for password in (old, second.seal(b"secret")):
        with opened(other, password) as secret:
            assert secret == b"secret"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["import-2.key", "import.key"]


def test_parcels_of_another_folder_are_known_to_be_foreign(tmp_path: Path) -> None:
    foreign = SoftwareImportKeys(tmp_path / "a").versions()[0].seal(b"secret")
    keys = SoftwareImportKeys(tmp_path / "b")
    with pytest.raises(UnknownImportKey):
        versioned(keys, foreign)
    with pytest.raises(UnknownImportKey):
        versioned(keys, replace(foreign, key="pfx-import"))


def test_key_files_are_protected_by_the_cas_password(tmp_path: Path) -> None:
    SoftwareImportKeys(tmp_path, "a password").ensure()
    with pytest.raises(KeyUnavailable, match="does not open"):
        SoftwareImportKeys(tmp_path).versions()
    assert SoftwareImportKeys(tmp_path, "a password").versions()


def test_two_at_once_make_one_first_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made, start = iter([import_key(1), import_key(2)]), threading.Barrier(2)
    lock, found = threading.Lock(), list[str]()

    def generate(_: str) -> rsa.RSAPrivateKey:
        start.wait(10)
        with lock:
            return next(made)

    monkeypatch.setattr("shared.keys.software.generate", generate)

    def ask() -> None:
        found.append(SoftwareImportKeys(tmp_path).versions()[0].version)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(set(found)) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["import.key"]
