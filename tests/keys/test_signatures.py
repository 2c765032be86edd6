"""Signature algorithms: what is signed here verifies everywhere, what others sign verifies here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from asn1crypto import algos
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from shared.asn1 import oids, writer
from shared.asn1.reader import Fields, read
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from shared.keys import digests
from shared.keys.ports import SigningKey
from shared.keys.signatures import parse_scheme, sign, signature_algorithm, verify

RSA = rsa.generate_private_key(65537, 2048)
P256 = ec.generate_private_key(ec.SECP256R1())
DATA = b"to be signed"
Hash = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
HASHES: list[Hash] = [hashes.SHA256(), hashes.SHA384(), hashes.SHA512()]


@pytest.mark.parametrize(
    ("key", "name"),
    [
        (RSA, "sha256_rsa"),
        (P256, "sha256_ecdsa"),
        (ec.generate_private_key(ec.SECP384R1()), "sha384_ecdsa"),
        (ec.generate_private_key(ec.SECP521R1()), "sha512_ecdsa"),
    ],
)
def test_each_key_signs_with_its_own_algorithm(key: SigningKey, name: str) -> None:
    identifier = signature_algorithm(key)
    assert identifier == algos.SignedDigestAlgorithm({"algorithm": name}).dump()
    assert signature_algorithm(key.public_key()) == identifier
    signature = sign(key, DATA)
    verify(key.public_key(), identifier, DATA, signature)
    with pytest.raises(IntegrityFailure):
        verify(key.public_key(), identifier, DATA + b"!", signature)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512", "sha1", "md5"])
def test_a_digest_may_be_chosen(digest: str) -> None:
    identifier = signature_algorithm(RSA, digest)
    known = algos.SignedDigestAlgorithm.load(identifier)
    assert (known.signature_algo, known.hash_algo) == ("rsassa_pkcs1v15", digest)
    assert known["parameters"].dump() == writer.null()
    signature = sign(RSA, DATA, digest)
    verify(RSA.public_key(), identifier, DATA, signature, allow_legacy=True)
    if digests.by_name(digest).legacy:
        with pytest.raises(AlgorithmRefused, match="legacy"):
            verify(RSA.public_key(), identifier, DATA, signature)


def test_ecdsa_with_sha1_is_legacy() -> None:
    identifier = signature_algorithm(P256, "sha1")
    verify(P256.public_key(), identifier, DATA, sign(P256, DATA, "sha1"), allow_legacy=True)
    with pytest.raises(AlgorithmRefused, match="sha1 is a legacy"):
        verify(P256.public_key(), identifier, DATA, sign(P256, DATA, "sha1"))


def test_keys_without_an_algorithm_are_refused() -> None:
    for key in (ec.generate_private_key(ec.SECP256K1()), ed25519.Ed25519PrivateKey.generate()):
        with pytest.raises(AlgorithmRefused):
            signature_algorithm(key)  # type: ignore[arg-type]
        with pytest.raises(AlgorithmRefused):
            sign(key, DATA)  # type: ignore[arg-type]
    with pytest.raises(AlgorithmRefused, match="with md5"):
        signature_algorithm(P256, "md5")
    with pytest.raises(AlgorithmRefused, match="sha3 is not known"):
        signature_algorithm(RSA, "sha3")


def _certificate(key: object, digest: Hash | None, pss: padding.PSS | None = None) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signed by pyca")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).serial_number(1)
    builder = builder.not_valid_before(datetime(2025, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2035, 1, 1, tzinfo=UTC))
    assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey)
    signed = builder.public_key(key.public_key()).sign(key, digest, rsa_padding=pss)
    return signed.public_bytes(Encoding.DER)


def _verify_certificate(public_key: object, certificate: bytes) -> None:
    tbs, identifier, signature = read(certificate).children()
    verify(public_key, identifier.encoded, tbs.encoded, signature.contents[1:])


@pytest.mark.parametrize("digest", HASHES)
def test_certificates_that_pyca_signed(digest: Hash) -> None:
    _verify_certificate(RSA.public_key(), _certificate(RSA, digest))
    _verify_certificate(P256.public_key(), _certificate(P256, digest))
    with pytest.raises(IntegrityFailure):
        _verify_certificate(RSA.public_key(), _certificate(rsa.generate_private_key(65537, 2048), digest))


@pytest.mark.parametrize("digest", HASHES)
@pytest.mark.parametrize("salt", [0, 20, 32, 64])
def test_pss_with_its_parameters(digest: hashes.HashAlgorithm, salt: int) -> None:
    for mask in (digest, hashes.SHA256()):
        pss = padding.PSS(padding.MGF1(mask), salt)
        signature = RSA.sign(DATA, pss, digest)
        parameters = algos.RSASSAPSSParams(
            {
                "hash_algorithm": {"algorithm": digest.name},
                "mask_gen_algorithm": {"algorithm": "mgf1", "parameters": {"algorithm": mask.name}},
                "salt_length": salt,
            }
        )
        identifier = algos.SignedDigestAlgorithm({"algorithm": "rsassa_pss", "parameters": parameters}).dump()
        verify(RSA.public_key(), identifier, DATA, signature)
        with pytest.raises(IntegrityFailure):
            verify(RSA.public_key(), identifier, DATA + b"!", signature)


def test_pss_certificates_that_pyca_signed() -> None:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    _verify_certificate(RSA.public_key(), _certificate(RSA, hashes.SHA256(), pss))


def test_pss_defaults_are_sha1_and_legacy() -> None:
    identifier = writer.sequence(writer.oid(oids.RSASSA_PSS), writer.sequence())
    signature = RSA.sign(DATA, padding.PSS(padding.MGF1(hashes.SHA1()), 20), hashes.SHA1())
    verify(RSA.public_key(), identifier, DATA, signature, allow_legacy=True)
    with pytest.raises(AlgorithmRefused, match="legacy"):
        verify(RSA.public_key(), identifier, DATA, signature)


PSS = writer.oid(oids.RSASSA_PSS)
SHA256 = digests.by_name("sha256").identifier


@pytest.mark.parametrize(
    ("identifier", "error"),
    [
        (writer.sequence(PSS), MalformedMessage),
        (writer.sequence(PSS, writer.null()), MalformedMessage),
        (writer.sequence(PSS, writer.sequence(writer.context(2, writer.integer(-1)))), MalformedMessage),
        (writer.sequence(PSS, writer.sequence(writer.context(2, writer.integer(2**80)))), MalformedMessage),
        (writer.sequence(PSS, writer.sequence(writer.context(3, writer.integer(2)))), MalformedMessage),
        (writer.sequence(PSS, writer.sequence(writer.context(4, writer.null()))), MalformedMessage),
        (writer.sequence(PSS, writer.sequence(writer.context(1, SHA256))), AlgorithmRefused),
        (writer.sequence(writer.oid("1.2.3")), AlgorithmRefused),
        (writer.sequence(writer.oid(oids.SHA256_WITH_RSA), writer.integer(1)), MalformedMessage),
        (writer.sequence(writer.oid(oids.SHA256_WITH_RSA), writer.null(), writer.null()), MalformedMessage),
        (
            writer.sequence(writer.oid(oids.SHA256_WITH_RSA), writer.octet_string(bytes(500))),
            MalformedMessage,
        ),
        (writer.sequence(), MalformedMessage),
        (b"", MalformedMessage),
    ],
)
def test_identifiers_that_are_refused(identifier: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        verify(RSA.public_key(), identifier, DATA, bytes(256))


def test_ed25519() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    identifier = algos.SignedDigestAlgorithm({"algorithm": "ed25519"}).dump()
    verify(key.public_key(), identifier, DATA, key.sign(DATA))
    with pytest.raises(IntegrityFailure):
        verify(key.public_key(), identifier, DATA, bytes(64))
    _verify_certificate(key.public_key(), _certificate(key, None))


@pytest.mark.parametrize("key", [RSA.public_key(), P256.public_key(), ed25519.Ed25519PrivateKey.generate()])
@pytest.mark.parametrize("oid", [oids.SHA256_WITH_RSA, oids.ECDSA_WITH_SHA256, oids.ED25519])
def test_an_algorithm_of_another_kind_of_key(key: object, oid: str) -> None:
    with pytest.raises(IntegrityFailure):
        verify(key, writer.sequence(writer.oid(oid)), DATA, bytes(256))


def test_a_key_of_a_kind_nobody_uses() -> None:
    key = dsa.generate_private_key(1024).public_key()
    with pytest.raises(IntegrityFailure, match="kind of key"):
        verify(key, signature_algorithm(RSA), DATA, bytes(40))


@pytest.mark.parametrize("oid", [oids.RSA_ENCRYPTION, oids.EC_PUBLIC_KEY])
def test_an_identifier_without_digest_needs_one_beside_it(oid: str) -> None:
    key: SigningKey = RSA if oid == oids.RSA_ENCRYPTION else P256
    identifier = writer.sequence(writer.oid(oid))
    signature = sign(key, DATA, "sha384")
    verify(key.public_key(), identifier, DATA, signature, digest="sha384")
    with pytest.raises(IntegrityFailure):
        verify(key.public_key(), identifier, DATA, signature, digest="sha256")
    with pytest.raises(AlgorithmRefused, match="legacy"):
        verify(key.public_key(), identifier, DATA, signature, digest="sha1")
    with pytest.raises(AlgorithmRefused, match="names no digest"):
        verify(key.public_key(), identifier, DATA, signature)


def test_the_digest_beside_it_does_not_replace_a_named_one() -> None:
    signature = sign(RSA, DATA, "sha256")
    verify(RSA.public_key(), signature_algorithm(RSA), DATA, signature, digest="sha512")


@pytest.mark.parametrize("signature", [b"", b"\x00", bytes(255), bytes(256), b"\xff" * 256, bytes(257)])
def test_signatures_that_cannot_be(signature: bytes) -> None:
    for key in (RSA, P256):
        with pytest.raises(IntegrityFailure):
            verify(key.public_key(), signature_algorithm(key), DATA, signature)


def test_what_the_platform_refuses_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    class Strict(rsa.RSAPublicKey):
        def verify(self, *_: object) -> None:
            raise UnsupportedAlgorithm("not in this mode")

    monkeypatch.setattr(Strict, "__abstractmethods__", frozenset())
    refusing = Strict()  # type: ignore[abstract]
    with pytest.raises(AlgorithmRefused, match="platform"):
        verify(refusing, signature_algorithm(RSA), DATA, b"")


@given(st.binary(max_size=60))
def test_any_identifier_is_read_or_refused(octets: bytes) -> None:
    for identifier in (octets, writer.sequence(writer.oid(oids.RSASSA_PSS), writer.sequence(octets))):
        try:
            assert parse_scheme(identifier).kind in ("rsa", "pss", "ecdsa", "ed25519")
        except (MalformedMessage, AlgorithmRefused) as refused:
            assert refused.reason


@pytest.mark.parametrize("digest", digests.DIGESTS)
def test_digests_are_those_of_asn1crypto(digest: digests.Digest) -> None:
    known = algos.DigestAlgorithm.load(digest.identifier)
    assert known["algorithm"].native == digest.name == digest.algorithm.name
    assert digests.by_oid(digest.oid) is digests.by_name(digest.name) is digest
    context = hashes.Hash(digest.algorithm)
    context.update(DATA)
    assert digest.compute(DATA[:3], DATA[3:]) == context.finalize()
    assert Fields(read(digest.identifier)).take().encoded == writer.oid(digest.oid)


@pytest.mark.parametrize("find", [digests.by_oid, digests.by_name])
def test_unknown_digests_are_refused(find: Callable[[str], digests.Digest]) -> None:
    with pytest.raises(AlgorithmRefused, match="is not known"):
        find("2.16.840.1.101.3.4.2.4")


def test_only_sha2_is_not_legacy() -> None:
    strong = {digest.name for digest in digests.DIGESTS if not digest.legacy}
    assert strong == {"sha256", "sha384", "sha512"}
    for digest in digests.DIGESTS:
        assert digest.require(allow_legacy=True) is digest
