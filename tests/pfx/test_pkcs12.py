"""The PFX: OpenSSL opens both encodings, finds key and chain, and says which algorithms were used."""

from __future__ import annotations

import re
from functools import lru_cache

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.pfx import pkcs12
from shared.pfx.pkcs12 import build_pfx, fresh_password
from shared.x509.certificate import Certificate, CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.programs import OpenSSL
from tests.scep.authority import DAY, NOW, World

NAME = "Mail (Žofie)"
ALGORITHMS = ("rsa-2048", "rsa-3072", "rsa-4096", "p-256", "p-384")


@lru_cache
def world() -> World:
    return World()


@lru_cache
def made(algorithm: str) -> tuple[SigningKey, Certificate]:
    key = software.generate(algorithm)
    spki = public_key_info(key)
    extensions = (basic_constraints(False), key_usage(["digitalSignature"]), subject_key_identifier(spki))
    template = CertificateTemplate(Name.build([("CN", "a, b")]), spki, NOW - DAY, NOW + DAY, extensions)
    issuer = world().issuer
    return key, issuer.sign(issuer.compose(template, "27" * 19))


def written(
    openssl: OpenSSL, algorithm: str, encoding: pkcs12.Encoding, *, chained: bool = True
) -> tuple[str, ...]:
    """A PFX in file.p12; the options that name it and its password."""
    key, certificate = made(algorithm)
    chain = (world().issuer.certificate, world().root) if chained else ()
    password = fresh_password()
    pfx = build_pfx(key, certificate, chain, password=password, name=NAME, encoding=encoding)
    (openssl.folder / "file.p12").write_bytes(pfx)
    return ("pkcs12", "-in", "file.p12", "-passin", f"pass:{password}")


def count(pem: bytes) -> int:
    return pem.count(b"BEGIN CERTIFICATE")


@pytest.mark.parametrize("encoding", ["modern", "legacy"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_openssl_finds_key_certificate_and_chain(
    openssl: OpenSSL, algorithm: str, encoding: pkcs12.Encoding
) -> None:
    options = written(openssl, algorithm, encoding)
    key, certificate = made(algorithm)
    found = openssl.run(*options, "-nocerts", "-noenc")
    (openssl.folder / "key.pem").write_bytes(found)
    expected = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    assert openssl.run("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER") == expected
    (openssl.folder / "leaf.pem").write_bytes(openssl.run(*options, "-clcerts", "-nokeys"))
    assert openssl.run("x509", "-in", "leaf.pem", "-outform", "DER") == certificate.der
    assert count(openssl.run(*options, "-cacerts", "-nokeys")) == 2


@pytest.mark.parametrize("encoding", ["modern", "legacy"])
def test_the_algorithms_are_those_of_the_page(openssl: OpenSSL, encoding: pkcs12.Encoding) -> None:
    options = written(openssl, "p-256", encoding)
    said = openssl.words(*options, "-info", "-noout")
    if encoding == "modern":
        assert said.count("PBES2, PBKDF2, AES-256-CBC, Iteration 2048, PRF hmacWithSHA256") == 2
        assert "MAC: sha256, Iteration 2048" in said
    else:
        assert said.count("pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048") == 2
        assert "MAC: sha1, Iteration 2048" in said
    assert "salt length: 8" in said  # Apple's readers refused a longer one


def test_without_chain_there_is_none_and_a_wrong_password_opens_nothing(openssl: OpenSSL) -> None:
    options = written(openssl, "p-256", "modern", chained=False)
    assert count(openssl.run(*options, "-nokeys")) == 1
    assert count(openssl.run(*options, "-cacerts", "-nokeys")) == 0
    assert "invalid password" in openssl.refusal(*options[:-1], "pass:another", "-noout")


def test_passwords_are_long_random_and_ascii() -> None:
    passwords = {fresh_password() for _ in range(200)}
    assert len(passwords) == 200
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", password) for password in passwords)
    assert fresh_password(lambda count: bytes(count)) == "A" * 43


def test_an_empty_password_is_refused() -> None:
    key, certificate = made("p-256")
    with pytest.raises(ValueError, match="without a password"):
        build_pfx(key, certificate, (), password="", name=NAME, encoding="modern")
