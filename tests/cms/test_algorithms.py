"""The tables: what they have, what they refuse, and that each algorithm is the one its identifier says."""

from __future__ import annotations

import os

import pytest
from asn1crypto import algos
from asn1crypto import cms as asn1_cms

from shared.asn1 import oids, writer
from shared.asn1.reader import read
from shared.cms.algorithms import CIPHERS, DIGESTS, ContentCipher, KeyTransport, cipher_by_name, cipher_by_oid
from shared.errors import AlgorithmRefused, MalformedMessage
from shared.keys import digests
from tests.cms.openssl import OpenSSL


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_cipher_there_and_back(cipher: ContentCipher) -> None:
    key, iv = os.urandom(cipher.key_size), os.urandom(cipher.block_size)
    for size in (0, 1, cipher.block_size - 1, cipher.block_size, 1000):
        content = os.urandom(size)
        encrypted = cipher.encrypt(key, iv, content)
        assert len(encrypted) == (size // cipher.block_size + 1) * cipher.block_size
        assert cipher.decrypt(key, iv, encrypted) == content
    assert cipher_by_oid(cipher.oid) is cipher_by_name(cipher.name) is cipher


@pytest.mark.parametrize("cipher", [cipher for cipher in CIPHERS if cipher.name != "des-cbc"])
def test_a_cipher_is_the_one_openssl_means(openssl: OpenSSL, cipher: ContentCipher) -> None:
    key, iv = os.urandom(cipher.key_size), os.urandom(cipher.block_size)
    command = ("enc", f"-{cipher.name}", "-K", key.hex(), "-iv", iv.hex())
    assert openssl.run(*command, data=b"content") == cipher.encrypt(key, iv, b"content")


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_cipher_has_the_identifier_asn1crypto_knows(cipher: ContentCipher) -> None:
    iv = writer.octet_string(bytes(cipher.block_size))
    known = algos.EncryptionAlgorithm.load(writer.sequence(writer.oid(cipher.oid), iv))
    if cipher.name != "des-cbc":  # asn1crypto reads parameters of what it calls "des" in another way
        assert (known.key_length, known.encryption_block_size) == (cipher.key_size, cipher.block_size)
    assert known["algorithm"].dotted == cipher.oid


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("encrypted", [b"", bytes(7), bytes(17), bytes(16)])
def test_decryption_fails_with_one_kind_of_error(cipher: ContentCipher, encrypted: bytes) -> None:
    with pytest.raises(ValueError, match=r"(?i)block|padding|length"):
        cipher.decrypt(b"\x01" * cipher.key_size, bytes(cipher.block_size), encrypted)


def test_what_is_legacy_needs_permission() -> None:
    assert {cipher.name for cipher in CIPHERS if cipher.legacy} == {"des-ede3-cbc", "des-cbc"}
    for cipher in CIPHERS:
        assert cipher.require(allow_legacy=True) is cipher
        if cipher.legacy:
            with pytest.raises(AlgorithmRefused, match="is a legacy cipher"):
                cipher.require(allow_legacy=False)
        else:
            assert cipher.require(allow_legacy=False) is cipher


def test_the_tables_carry_the_keywords_of_scep() -> None:
    words = [row.scep_capability for row in (*CIPHERS, *DIGESTS) if row.scep_capability]
    assert set(words) == {"AES", "DES3", "SHA-1", "SHA-256", "SHA-384", "SHA-512"}
    assert {row.scep_capability for row in (*CIPHERS, *DIGESTS) if row.legacy} == {"DES3", "SHA-1", None}


def test_what_is_in_no_table_is_refused() -> None:
    with pytest.raises(AlgorithmRefused, match="rc2-cbc is not known"):
        cipher_by_name("rc2-cbc")
    with pytest.raises(AlgorithmRefused, match=r"1\.2\.840\.113549\.3\.2 is not known"):
        cipher_by_oid("1.2.840.113549.3.2")
    with pytest.raises(AlgorithmRefused, match="key transport"):
        KeyTransport.named("rsa-kem")


@pytest.mark.parametrize(
    ("name", "digest"), [("rsa", None), ("rsa-oaep", "sha1"), ("rsa-oaep-256", "sha256")]
)
def test_key_transport_identifiers(name: str, digest: str | None) -> None:
    transport = KeyTransport.named(name)
    assert KeyTransport.parse(read(transport.identifier())).name == name
    known = asn1_cms.KeyEncryptionAlgorithm.load(transport.identifier())
    if digest:
        assert known["parameters"]["hash_algorithm"]["algorithm"].native == digest
        mask = known["parameters"]["mask_gen_algorithm"]
        assert (mask["algorithm"].native, mask["parameters"]["algorithm"].native) == ("mgf1", digest)
    else:
        assert known["algorithm"].native == "rsaes_pkcs1v15"
        assert known["parameters"].dump() == writer.null()


OAEP = writer.oid(oids.RSAES_OAEP)
SHA1, SHA256, SHA512 = (digests.by_name(name).identifier for name in ("sha1", "sha256", "sha512"))
MGF1_SHA1 = writer.sequence(writer.oid(oids.MGF1), SHA1)


@pytest.mark.parametrize(
    ("identifier", "name"),
    [
        (writer.sequence(writer.oid(oids.RSA_ENCRYPTION)), "rsa"),
        (writer.sequence(OAEP), "rsa-oaep"),
        (writer.sequence(OAEP, writer.sequence()), "rsa-oaep"),
        (
            writer.sequence(OAEP, writer.sequence(writer.context(0, SHA1), writer.context(1, MGF1_SHA1))),
            "rsa-oaep",
        ),
        (writer.sequence(OAEP, writer.sequence(writer.context(0, SHA256))), "rsa-oaep-256"),
    ],
)
def test_forms_of_key_transport(identifier: bytes, name: str) -> None:
    assert KeyTransport.parse(read(identifier)).name == name


def _label(oid: str, value: bytes) -> bytes:
    source = writer.sequence(writer.oid(oid), value)
    return writer.sequence(OAEP, writer.sequence(writer.context(2, source)))


@pytest.mark.parametrize(
    ("identifier", "error"),
    [
        (writer.sequence(writer.oid("1.2.3")), AlgorithmRefused),
        (writer.sequence(OAEP, writer.sequence(writer.context(0, SHA512))), AlgorithmRefused),
        (writer.sequence(OAEP, writer.sequence(writer.context(1, SHA256))), AlgorithmRefused),
        (writer.sequence(OAEP, writer.null()), MalformedMessage),
        (writer.sequence(OAEP, writer.sequence(writer.null())), MalformedMessage),
        (_label("1.2.3", writer.octet_string(b"")), MalformedMessage),
        (_label(oids.P_SPECIFIED, writer.null()), MalformedMessage),
        (writer.null(), MalformedMessage),
    ],
)
def test_key_transport_that_is_refused(identifier: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        KeyTransport.parse(read(identifier))


def test_an_empty_label_is_no_label() -> None:
    assert KeyTransport.parse(read(_label(oids.P_SPECIFIED, writer.octet_string(b"")))).name == "rsa-oaep"
