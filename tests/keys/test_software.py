"""Keys in files: made, kept private, read back, refused for a reason that names file and remedy but no secret."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.errors import KeyUnavailable
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info

PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def key() -> SigningKey:
    return software.generate("p-256")


@pytest.mark.parametrize("algorithm", software.ALGORITHMS)
def test_a_key_is_of_the_algorithm_asked_for(algorithm: str) -> None:
    made = software.generate(algorithm)
    family, size = algorithm.split("-")
    assert isinstance(made, rsa.RSAPrivateKey if family == "rsa" else ec.EllipticCurvePrivateKey)
    assert made.key_size == int(size)
    if isinstance(made, rsa.RSAPrivateKey):
        assert made.public_key().public_numbers().e == 65537


@pytest.mark.parametrize("algorithm", ["", "rsa-1024", "RSA-2048", "p-521", "ed25519", "rsa"])
def test_other_algorithms_are_named_and_refused(algorithm: str) -> None:
    with pytest.raises(ValueError, match="is not one of rsa-2048"):
        software.generate(algorithm)


@pytest.mark.parametrize("password", ["", PASSWORD, "pässwörd"])
def test_a_key_reads_back_as_it_was_written(tmp_path: Path, key: SigningKey, password: str) -> None:
    path = tmp_path / "ca.key"
    software.write_key(path, key, password)
    assert public_key_info(software.read_key(path, password)) == public_key_info(key)
    assert (b"ENCRYPTED" in path.read_bytes()) is bool(password)


def test_a_key_file_is_private_whatever_the_umask(tmp_path: Path, key: SigningKey) -> None:
    before = os.umask(0)
    try:
        software.write_key(tmp_path / "ca.key", key)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "ca.key").stat().st_mode) == 0o600


def test_a_key_is_never_overwritten(tmp_path: Path, key: SigningKey) -> None:
    software.write_key(tmp_path / "ca.key", key)
    before = (tmp_path / "ca.key").read_bytes()
    with pytest.raises(FileExistsError):
        software.write_key(tmp_path / "ca.key", software.generate("p-256"))
    assert (tmp_path / "ca.key").read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666, 0o610])
def test_a_key_that_others_can_reach_is_refused_with_the_remedy(
    tmp_path: Path, key: SigningKey, mode: int
) -> None:
    path = tmp_path / "ca.key"
    software.write_key(path, key)
    path.chmod(mode)
    with pytest.raises(KeyUnavailable, match="chmod 600") as refusal:
        software.read_key(path)
    assert str(path) in refusal.value.reason
    assert str(path) not in refusal.value.public


@pytest.mark.parametrize(("written", "tried"), [(PASSWORD, "Tr0ub4dor"), (PASSWORD, ""), ("", PASSWORD)])
def test_a_wrong_password_is_told_by_file_and_setting_only(
    tmp_path: Path, key: SigningKey, written: str, tried: str
) -> None:
    path = tmp_path / "ca.key"
    software.write_key(path, key, written)
    with pytest.raises(KeyUnavailable, match="SCEPTER_CA_KEY_PASSWORD") as refusal:
        software.read_key(path, tried)
    told = f"{refusal.value} {refusal.value.__cause__}"
    assert str(path) in told
    assert not tried or tried not in told
    assert PASSWORD not in told


def test_a_missing_file_names_the_command_that_makes_it(tmp_path: Path) -> None:
    with pytest.raises(KeyUnavailable, match="ca init"):
        software.read_key(tmp_path / "ca.key")


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ca.key"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(KeyUnavailable, match=r"ca\.key"):
        software.read_key(path)


def test_a_path_that_cannot_be_read_is_an_unavailable_key(tmp_path: Path) -> None:
    path = tmp_path / "ca.key"
    path.mkdir(mode=0o700)
    with pytest.raises(KeyUnavailable, match="cannot be read"):
        software.read_key(path)


def test_a_key_that_cannot_sign_certificates_is_refused(tmp_path: Path) -> None:
    edwards = ed25519.Ed25519PrivateKey.generate()
    path = tmp_path / "ca.key"
    path.touch(mode=0o600)
    path.write_bytes(edwards.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeyUnavailable, match="neither an RSA nor an EC key"):
        software.read_key(path)
