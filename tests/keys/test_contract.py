"""What every key can do, wherever it is kept, with OpenSSL as the second opinion."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import NameOID

from shared.asn1.pem import pem
from shared.ca import hierarchy
from shared.ca.issuer import Issuer
from shared.cms.enveloped import EnvelopedMessage
from shared.cms.signing import sign_message
from shared.errors import IntegrityFailure, IssuanceFault
from shared.keys import software
from shared.keys.ports import DecryptionKey, SigningKey, public_key_info
from shared.keys.signatures import sign, signature_algorithm, verify
from shared.x509.certificate import Certificate
from shared.x509.crl import build_crl
from shared.x509.names import Name
from tests.ca.tiers import device_of, empty_crl
from tests.keys.backends import ALGORITHMS, Backend, decrypting
from tests.programs import OpenSSL
from tests.scep.authority import NOW as THEN
from tests.scep.authority import URL

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
NAME = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "A key of the tests")])
DIGESTS: dict[str, Any] = {"p-384": hashes.SHA384(), "p-521": hashes.SHA512()}
PSS = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def key(backend: Backend, algorithm: str) -> SigningKey:
    return backend.key(algorithm)


def digest_for(algorithm: str) -> Any:
    return DIGESTS.get(algorithm, hashes.SHA256())


def self_signed(key: SigningKey, digest: Any, **options: Any) -> x509.Certificate:
    builder = (
        x509.CertificateBuilder()
        .subject_name(NAME)
        .issuer_name(NAME)
        .public_key(key.public_key())
        .serial_number(0x1234)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + 2 * DAY)
        .add_extension(x509.BasicConstraints(True, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return builder.sign(key, digest, **options)


def write(openssl: OpenSSL, certificate: x509.Certificate, name: str = "ca.pem") -> Certificate:
    (openssl.folder / name).write_bytes(certificate.public_bytes(Encoding.PEM))
    return Certificate.from_der(certificate.public_bytes(Encoding.DER))


def test_the_public_key_is_pycas_own(key: SigningKey, algorithm: str) -> None:
    public = key.public_key()
    assert type(public).__module__.startswith("cryptography.")
    assert isinstance(public, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
    assert key.public_key() == public
    assert key.key_size == public.key_size == int(algorithm.split("-")[1])
    if isinstance(key, ec.EllipticCurvePrivateKey):
        assert key.curve.name == key.public_key().curve.name


def test_a_signature_holds_and_says_how_it_was_made(key: SigningKey) -> None:
    signature = sign(key, b"data")
    verify(key.public_key(), signature_algorithm(key), b"data", signature)
    with pytest.raises(IntegrityFailure):
        verify(key.public_key(), signature_algorithm(key), b"other data", signature)


@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_rsa_signs_with_every_digest_of_sha2(backend: Backend, digest: str) -> None:
    key = backend.key("rsa-2048")
    verify(key.public_key(), signature_algorithm(key, digest), b"data", sign(key, b"data", digest))


def test_a_certificate(key: SigningKey, algorithm: str, openssl: OpenSSL) -> None:
    write(openssl, self_signed(key, digest_for(algorithm)))
    assert b"ca.pem: OK" in openssl.run("verify", "-check_ss_sig", "-CAfile", "ca.pem", "ca.pem")


def test_a_certificate_with_pss(backend: Backend, openssl: OpenSSL) -> None:
    certificate = self_signed(backend.key("rsa-2048"), hashes.SHA256(), rsa_padding=PSS)
    write(openssl, certificate)
    assert b"ca.pem: OK" in openssl.run("verify", "-check_ss_sig", "-CAfile", "ca.pem", "ca.pem")
    certificate.verify_directly_issued_by(certificate)


def test_a_request(key: SigningKey, algorithm: str, openssl: OpenSSL) -> None:
    builder = x509.CertificateSigningRequestBuilder().subject_name(NAME)
    request = builder.sign(key, digest_for(algorithm)).public_bytes(Encoding.PEM)
    assert "verify OK" in openssl.words("req", "-verify", "-noout", data=request)


def test_a_crl(key: SigningKey, algorithm: str, openssl: OpenSSL) -> None:
    ca = write(openssl, self_signed(key, digest_for(algorithm)))
    crl = build_crl(
        issuer_certificate=ca,
        signing_key=key,
        entries=(),
        number=1,
        this_update=NOW,
        next_update=NOW + DAY,
        next_publish=None,
    )
    assert "verify OK" in openssl.words("crl", "-inform", "DER", "-CAfile", "ca.pem", "-noout", data=crl)


def test_an_ocsp_response(key: SigningKey, algorithm: str, openssl: OpenSSL) -> None:
    """By the builder that asks whether the key is the certificate's."""
    ca = self_signed(key, digest_for(algorithm))
    write(openssl, ca)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=ca,
        issuer=ca,
        algorithm=hashes.SHA1(),  # of names, as OpenSSL asks by default
        cert_status=ocsp.OCSPCertStatus.GOOD,
        this_update=NOW,
        next_update=NOW + DAY,
        revocation_time=None,
        revocation_reason=None,
    )
    response = builder.responder_id(ocsp.OCSPResponderEncoding.HASH, ca).sign(key, digest_for(algorithm))
    (openssl.folder / "response.der").write_bytes(response.public_bytes(Encoding.DER))
    asked = (
        "-issuer",
        "ca.pem",
        "-cert",
        "ca.pem",
        "-CAfile",
        "ca.pem",
        "-respin",
        "response.der",
        "-no_nonce",
    )
    words = openssl.words("ocsp", *asked)
    assert "Response verify OK" in words
    assert "ca.pem: good" in words


def test_a_signed_message(key: SigningKey, algorithm: str, openssl: OpenSSL) -> None:
    ca = write(openssl, self_signed(key, digest_for(algorithm)))
    message = sign_message(b"content", [], certificate=ca.der, key=key, digest=digest_for(algorithm).name)
    verified = ("-verify", "-inform", "DER", "-CAfile", "ca.pem", "-purpose", "any")
    assert openssl.run("cms", *verified, data=message) == b"content"


OAEP_256 = (
    "-keyopt",
    "rsa_padding_mode:oaep",
    "-keyopt",
    "rsa_oaep_md:sha256",
    "-keyopt",
    "rsa_mgf1_md:sha256",
)


@pytest.mark.parametrize("padded", [(), OAEP_256], ids=["pkcs1", "oaep-256"])
def test_a_sealed_message(backend: Backend, openssl: OpenSSL, padded: tuple[str, ...]) -> None:
    key = decrypting(backend.key("rsa-2048"))
    certificate = write(openssl, self_signed(key, hashes.SHA256()))
    sealing = ("-encrypt", "-aes-256-cbc", "-binary", "-outform", "DER", "-recip", "ca.pem")
    message = openssl.run("cms", *sealing, *padded, data=b"secret content")
    assert EnvelopedMessage.parse(message).open([(certificate.der, key)]) == (b"secret content", 0)


def opened(message: bytes, recipient: tuple[bytes, DecryptionKey]) -> bytes | None:
    """The content, or None if the envelope is refused."""
    try:
        return EnvelopedMessage.parse(message).open([recipient])[0]
    except IntegrityFailure as refusal:
        assert "the envelope does not open" in str(refusal)
        return None


def test_what_does_not_decrypt_is_told_from_nothing_else(backend: Backend, openssl: OpenSSL) -> None:
    """A damaged key opens with a random one (implicit rejection), whose padding fits once in 256: then it is noise."""
    key = decrypting(backend.key("rsa-2048"))
    certificate = write(openssl, self_signed(key, hashes.SHA256()))
    sealing = ("-encrypt", "-aes-256-cbc", "-binary", "-outform", "DER", "-recip", "ca.pem")
    message = openssl.run("cms", *sealing, data=b"secret content")
    start = message.index(EnvelopedMessage.parse(message).recipients[0].wrapped_key)
    outcomes = []
    for place in range(100, 108):
        damaged = bytearray(message)
        damaged[start + place] ^= 1
        outcomes.append(opened(bytes(damaged), (certificate.der, key)))
    assert None in outcomes
    assert b"secret content" not in outcomes


def test_a_copy_is_as_good(key: SigningKey) -> None:
    assert copy.copy(key).public_key() == copy.deepcopy(key).public_key() == key.public_key()


def test_an_issuer_behind_its_linter(key: SigningKey, algorithm: str, openssl: OpenSSL) -> None:
    """A certificate and a CRL as the product makes them, down from a root of another kind."""
    root_key = software.generate("p-256")
    root = hierarchy.self_signed_root(
        root_key, Name.build([("CN", "Root")]), not_before=THEN - DAY, life=7000 * DAY
    )
    issuing = hierarchy.subordinate(
        root,
        root_key,
        spki=public_key_info(key),
        subject=Name.build([("O", "Example"), ("CN", f"Issuing {algorithm}")]),
        not_before=THEN - DAY,
        life=1800 * DAY,
        base_url=URL,
    )
    issuer = Issuer(issuing, (root,), key, URL)
    device = device_of(issuer)
    for name, certificate in {"root": root, "issuing": issuing, "device": device}.items():
        (openssl.folder / f"{name}.pem").write_bytes(pem("CERTIFICATE", certificate.der))
    root_crl = hierarchy.root_crl(root, root_key, now=THEN, life=365 * DAY)
    (openssl.folder / "crls.pem").write_bytes(pem("X509 CRL", root_crl) + pem("X509 CRL", empty_crl(issuer)))
    at = ("-attime", str(int(THEN.timestamp())), "-x509_strict")
    checks = ("-crl_check_all", "-CRLfile", "crls.pem", "-CAfile", "root.pem", "-untrusted", "issuing.pem")
    assert b"device.pem: OK" in openssl.run("verify", *at, *checks, "device.pem")
    with pytest.raises(IssuanceFault):
        sign(issuer.key, b"what no CA signs")
