"""The CA key behind its linter: what it signs, through whatever door, and what it never does."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from dataclasses import fields

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import NoDigestInfo, Prehashed
from cryptography.x509.oid import NameOID

from shared.asn1 import oids
from shared.ca.lint import Linter, Signable
from shared.ca.signing import LintingRSAKey, linting_key
from shared.errors import IssuanceFault
from shared.keys.ports import public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.certificate import Certificate, verify_signature
from shared.x509.crl import build_crl, verify_crl
from shared.x509.extensions import authority_key_identifier
from tests.ca.drafts import Draft, ca_certificate, good_draft, keys
from tests.scep.authority import DAY, NOW, World, key, tiers

ALGORITHMS = ("rsa-2048", "p-256", "p-384")


@pytest.fixture(params=ALGORITHMS)
def world(request: pytest.FixtureRequest) -> World:
    return World(request.param)


def draft_of(world: World, *, ca: bool = False) -> Draft:
    """A certificate that the issuing CA of `world` may sign, were it not for `ca`."""
    issuer = world.issuer
    identifier = authority_key_identifier(issuer.certificate.subject_key_identifier or b"")
    return good_draft(ca=ca).but(
        algorithm=issuer.algorithm,
        issuer=issuer.certificate.subject.encoded,
        extensions={identifier.oid: identifier},
    )


def test_a_linted_certificate_is_signed_by_the_very_key(world: World) -> None:
    data = draft_of(world).tbs()
    certificate = world.issuer.sign(data)
    assert certificate.tbs == data
    verify_signature(certificate, tiers(world.algorithm)[2].public_key())


@pytest.mark.parametrize(
    ("data", "finding"),
    [
        (b"random bytes, or a challenge to be signed", "not a structure"),
        (bytes(32), "not a structure"),
        (b"", "not a structure"),
    ],
)
def test_an_issuing_key_signs_no_loose_bytes(world: World, data: bytes, finding: str) -> None:
    with pytest.raises(IssuanceFault, match=finding):
        sign(world.issuer.key, data)


def test_an_issuing_key_signs_no_ca_certificate(world: World) -> None:
    with pytest.raises(IssuanceFault, match="does not sign a CA certificate"):
        sign(world.issuer.key, draft_of(world, ca=True).tbs())


def test_a_spoilt_certificate_is_refused_inside_the_key(world: World) -> None:
    spoilt = draft_of(world).but(not_after=world.issuer.certificate.not_after + DAY)
    with pytest.raises(IssuanceFault, match="outlive"):
        sign(world.issuer.key, spoilt.tbs())


def test_prehashed_input_is_refused(world: World) -> None:
    signing_key, digest = world.issuer.key, Prehashed(hashes.SHA256())
    with pytest.raises(IssuanceFault, match="not a digest"):
        if isinstance(signing_key, rsa.RSAPrivateKey):
            signing_key.sign(bytes(32), padding.PKCS1v15(), digest)
        else:
            signing_key.sign(bytes(32), ec.ECDSA(digest))


def test_rsa_without_a_digest_is_refused() -> None:
    signing_key = World("rsa-2048").issuer.key
    assert isinstance(signing_key, rsa.RSAPrivateKey)
    with pytest.raises(IssuanceFault, match="not a digest"):
        signing_key.sign(bytes(32), padding.PKCS1v15(), NoDigestInfo())


def test_a_signature_by_another_algorithm_than_the_certificate_names_is_refused(world: World) -> None:
    data, signing_key = draft_of(world).tbs(), world.issuer.key
    for digest in (hashes.SHA1(), hashes.SHA512(), hashes.SHA3_256()):
        with pytest.raises(IssuanceFault, match=f"algorithm is not with {digest.name}"):
            if isinstance(signing_key, rsa.RSAPrivateKey):
                signing_key.sign(data, padding.PKCS1v15(), digest)
            else:
                signing_key.sign(data, ec.ECDSA(digest))


def test_an_rsa_signature_with_another_padding_is_refused() -> None:
    world = World("rsa-2048")
    assert isinstance(world.issuer.key, rsa.RSAPrivateKey)
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
    with pytest.raises(IssuanceFault, match="no other"):
        world.issuer.key.sign(draft_of(world).tbs(), pss, hashes.SHA256())


@pytest.mark.parametrize(
    "misuse",
    [
        lambda it: it.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        lambda it: it.private_numbers(),
        copy.copy,
        copy.deepcopy,
        pickle.dumps,
        lambda it: (
            it.decrypt(b"x", None) if hasattr(it, "decrypt") else it.exchange(ec.ECDH(), it.public_key())
        ),
    ],
    ids=["export", "numbers", "copy", "deepcopy", "pickle", "decrypt"],
)
def test_the_key_only_signs(world: World, misuse: Callable[[object], object]) -> None:
    with pytest.raises(IssuanceFault, match="neither exported, copied nor used to decrypt"):
        misuse(world.issuer.key)


def test_the_bare_key_cannot_be_reached_from_the_issuer(world: World) -> None:
    raw = tiers(world.algorithm)[2]
    assert all(getattr(world.issuer, each.name) is not raw for each in fields(world.issuer))
    assert "key" not in repr(world.issuer)
    assert "key" not in repr(world.ra)


def test_the_certificate_builder_of_cryptography_is_linted_too(world: World) -> None:
    issuer, device = world.issuer, key(0).public_key()
    ca = x509.load_der_x509_certificate(issuer.certificate.der)
    ski = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dev1")]))
        .issuer_name(ca.subject)
        .public_key(device)
        .serial_number(0x25AA)
        .not_valid_before(NOW)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.BasicConstraints(False, None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(device), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ski), critical=False)
    )
    digest = hashes.SHA384() if world.algorithm == "p-384" else hashes.SHA256()
    with pytest.raises(IssuanceFault, match="key usage"):
        builder.sign(issuer.key, digest)
    certificate = builder.add_extension(usage, critical=True).sign(issuer.key, digest)
    certificate.verify_directly_issued_by(ca)


def test_the_crl_builder_of_cryptography_is_linted_too(world: World) -> None:
    own, stranger = world.issuer, World("p-256" if world.algorithm != "p-256" else "p-384").issuer

    def build(certificate: Certificate) -> bytes:
        return build_crl(
            issuer_certificate=certificate,
            signing_key=own.key,
            entries=(),
            number=1,
            this_update=NOW,
            next_update=NOW + DAY,
            next_publish=None,
        )

    verify_crl(build(own.certificate), own.certificate.public_key)
    with pytest.raises(IssuanceFault):
        build(stranger.certificate)


def test_the_request_builder_of_cryptography_serves_the_ca_itself_only(world: World) -> None:
    own = x509.load_der_x509_certificate(world.issuer.certificate.der).subject
    digest = hashes.SHA384() if world.algorithm == "p-384" else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder()
    assert builder.subject_name(own).sign(world.issuer.key, digest).is_signature_valid
    with pytest.raises(IssuanceFault, match="subject is not the CA's"):
        builder.subject_name(x509.Name([])).sign(world.issuer.key, digest)


def test_the_wrapper_answers_for_the_key_it_wraps(world: World) -> None:
    raw = tiers(world.algorithm)[2]
    assert world.issuer.key.key_size == raw.key_size
    assert public_key_info(world.issuer.key) == public_key_info(raw)
    assert isinstance(world.issuer.key, LintingRSAKey) is world.algorithm.startswith("rsa")


def test_a_root_key_signs_no_end_entity_certificate() -> None:
    root = keys("ca")
    linter = Linter(frozenset({Signable.CA_CERTIFICATE}), signature_algorithm(root), ca_certificate())
    wrapped = linting_key(root, linter)
    assert sign(wrapped, good_draft(ca=True).tbs())
    with pytest.raises(IssuanceFault, match="does not sign a end-entity certificate"):
        sign(wrapped, good_draft().but(extensions={oids.EXTENDED_KEY_USAGE: None}).tbs())
