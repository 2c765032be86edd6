"""What is signed here is read by openssl, asn1crypto and pyca."""

from __future__ import annotations

import pytest
from asn1crypto import cms
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from shared.asn1 import oids, writer
from shared.cms.signed import SignedMessage
from shared.cms.signing import degenerate, parse_degenerate, sign_message
from shared.errors import AlgorithmRefused, MalformedMessage
from tests.asn1.ber_forms import streamed
from tests.cms.identity import Identity
from tests.cms.openssl import OpenSSL

CONTENT = b"\x00content\xff" * 50
ATTRIBUTES = [
    (oids.SCEP_TRANSACTION_ID, writer.printable_string("transaction")),
    (oids.SCEP_MESSAGE_TYPE, writer.printable_string("3")),
    (oids.SCEP_RECIPIENT_NONCE, writer.octet_string(bytes(16))),
]


def _sign(signer: Identity, content: bytes | None = CONTENT, digest: str = "sha256") -> bytes:
    return sign_message(content, ATTRIBUTES, certificate=signer.der, key=signer.key, digest=digest)


@pytest.mark.parametrize("who", ["rsa", "ec"])
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
def test_openssl_verifies(openssl: OpenSSL, request: pytest.FixtureRequest, who: str, digest: str) -> None:
    signer: Identity = request.getfixturevalue(f"{who}_identity")
    verify = ("cms", "-verify", "-binary", "-inform", "DER", "-CAfile", f"{who}.pem", "-purpose", "any")
    assert openssl.run(*verify, data=_sign(signer, digest=digest)) == CONTENT


@pytest.mark.parametrize("content", [None, b""])
def test_openssl_finds_empty_content(openssl: OpenSSL, rsa_identity: Identity, content: bytes | None) -> None:
    (openssl.folder / "message.der").write_bytes(_sign(rsa_identity, content))
    for command in ("cms", "smime"):  # smime is PKCS7_verify, which refuses a message without content
        verify = (command, "-verify", "-binary", "-inform", "DER", "-CAfile", "rsa.pem", "-purpose", "any")
        assert openssl.run(*verify, "-in", "message.der") == b""


def test_our_own_reader_agrees(rsa_identity: Identity, ec_identity: Identity) -> None:
    for signer in (rsa_identity, ec_identity):
        message = SignedMessage.parse(_sign(signer))
        message.verify(signer.public_key)
        assert message.content == CONTENT
        for oid, value in ATTRIBUTES:
            assert [element.encoded for element in message.attributes[oid]] == [value]


def test_the_message_is_der_with_everything_in_its_place(
    rsa_identity: Identity, other_identity: Identity
) -> None:
    sent = sign_message(
        CONTENT,
        ATTRIBUTES,
        certificate=rsa_identity.der,
        key=rsa_identity.key,
        digest="sha512",
        extra=[other_identity.der, rsa_identity.der],
    )
    info = cms.ContentInfo.load(sent, strict=True)
    assert info["content_type"].native == "signed_data"
    signed = info["content"]
    assert signed["version"].native == "v1"
    assert [item["algorithm"].native for item in signed["digest_algorithms"]] == ["sha512"]
    assert signed["encap_content_info"]["content"].native == CONTENT
    bag = [certificate.chosen.dump() for certificate in signed["certificates"]]
    assert bag == [rsa_identity.der, other_identity.der]
    signer = signed["signer_infos"][0]
    assert signer["sid"].chosen["serial_number"].native == 1
    assert signer["signature_algorithm"]["algorithm"].native == "rsassa_pkcs1v15"
    attributes = [attribute.dump() for attribute in signer["signed_attrs"]]
    assert attributes == sorted(attributes)
    assert len(attributes) == len(ATTRIBUTES) + 2
    assert info.dump(force=True) == sent


def test_legacy_digests_need_permission(rsa_identity: Identity) -> None:
    arguments = {"certificate": rsa_identity.der, "digest": "sha1"}
    with pytest.raises(AlgorithmRefused, match="legacy"):
        _sign(rsa_identity, digest="sha1")
    sent = sign_message(CONTENT, (), key=rsa_identity.key, allow_legacy=True, **arguments)  # type: ignore[arg-type]
    SignedMessage.parse(sent).verify(rsa_identity.public_key, allow_legacy=True)


def test_unknown_digests_are_refused(rsa_identity: Identity) -> None:
    with pytest.raises(AlgorithmRefused, match="not known"):
        _sign(rsa_identity, digest="sha224")


def _crl(signer: Identity) -> bytes:
    certificate = signer.certificate
    builder = x509.CertificateRevocationListBuilder().issuer_name(certificate.subject)
    builder = builder.last_update(certificate.not_valid_before_utc).next_update(
        certificate.not_valid_after_utc
    )
    return builder.sign(signer.key, hashes.SHA256()).public_bytes(Encoding.DER)


def test_certs_only_is_read_by_others(
    openssl: OpenSSL, rsa_identity: Identity, ec_identity: Identity
) -> None:
    sent = degenerate(sorted([rsa_identity.der, ec_identity.der]), [_crl(ec_identity)])
    known = {rsa_identity.certificate, ec_identity.certificate}
    assert set(pkcs7.load_der_pkcs7_certificates(sent)) == known  # strict DER: wants the set sorted
    printed = openssl.run("pkcs7", "-inform", "DER", "-print_certs", data=sent)
    assert set(x509.load_pem_x509_certificates(printed)) == known
    assert b"BEGIN X509 CRL" in openssl.run("pkcs7", "-inform", "DER", "-print_certs", data=sent)
    signed = cms.ContentInfo.load(sent, strict=True)["content"]
    assert len(signed["signer_infos"]) == 0
    assert signed["encap_content_info"]["content"].native is None


def test_certs_only_there_and_back(rsa_identity: Identity, ec_identity: Identity) -> None:
    certificates, crl = [rsa_identity.der, ec_identity.der], _crl(ec_identity)
    assert parse_degenerate(degenerate(certificates, [crl])) == (tuple(certificates), (crl,))
    assert parse_degenerate(degenerate(certificates[::-1] * 2)) == (tuple(certificates[::-1]), ())
    assert parse_degenerate(degenerate([], [crl])) == ((), (crl,))
    assert parse_degenerate(streamed(degenerate(certificates))) == (tuple(certificates), ())


def test_certs_only_by_others(openssl: OpenSSL, rsa_identity: Identity, ec_identity: Identity) -> None:
    certificates = [rsa_identity.certificate, ec_identity.certificate]
    expected = {rsa_identity.der, ec_identity.der}
    by_pyca = pkcs7.serialize_certificates(certificates, Encoding.DER)
    assert set(parse_degenerate(by_pyca)[0]) == expected
    arguments = ("crl2pkcs7", "-nocrl", "-certfile", "rsa.pem", "-certfile", "ec.pem", "-outform", "DER")
    assert set(parse_degenerate(openssl.run(*arguments))[0]) == expected


def test_a_signed_message_is_a_bag_of_certificates_too(rsa_identity: Identity) -> None:
    assert parse_degenerate(_sign(rsa_identity)) == ((rsa_identity.der,), ())


def test_garbage_is_no_bag() -> None:
    with pytest.raises(MalformedMessage):
        parse_degenerate(b"garbage")


def test_a_curve_without_algorithm_cannot_sign() -> None:
    odd = Identity.make(ec.generate_private_key(ec.SECP256K1()), "odd")
    with pytest.raises(AlgorithmRefused):
        sign_message(CONTENT, (), certificate=odd.der, key=odd.key, digest="sha3")
