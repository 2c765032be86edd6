"""Sealing and opening: against openssl and pyca, and that a failure tells nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from shared.asn1 import oids, writer
from shared.asn1.reader import Element, read
from shared.cms.content import wrap
from shared.cms.enveloped import EnvelopedMessage, check_recipient_key, seal
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage
from tests.asn1.ber_forms import streamed
from tests.cms.identity import Identity
from tests.cms.openssl import OpenSSL

CONTENT = b"\x00secret content\xff" * 100
ENCRYPT = ("cms", "-encrypt", "-binary", "-outform", "DER")
DECRYPT = ("cms", "-decrypt", "-binary", "-inform", "DER", "-inkey", "rsa.key", "-recip", "rsa.pem")
OAEP = ("-recip", "rsa.pem", "-keyopt", "rsa_padding_mode:oaep")
CIPHERS = ("aes-128-cbc", "aes-192-cbc", "aes-256-cbc", "des-ede3-cbc")


def _open(message: bytes, identity: Identity, *, allow_legacy: bool = False) -> bytes:
    assert isinstance(identity.key, rsa.RSAPrivateKey)
    content, index = EnvelopedMessage.parse(message).open(
        [(identity.der, identity.key)], allow_legacy=allow_legacy
    )
    assert index == 0
    return content


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("form", [(), ("-stream",), ("-keyid",)])
def test_what_openssl_encrypts(
    openssl: OpenSSL, rsa_identity: Identity, cipher: str, form: tuple[str, ...]
) -> None:
    sent = openssl.run(*ENCRYPT, f"-{cipher}", *form, "-recip", "rsa.pem", data=CONTENT)
    assert EnvelopedMessage.parse(sent).cipher == cipher
    assert _open(sent, rsa_identity, allow_legacy=True) == CONTENT
    if cipher.startswith("des"):
        with pytest.raises(AlgorithmRefused, match="legacy cipher"):
            _open(sent, rsa_identity)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ((), "rsa-oaep"),
        (("rsa_oaep_md:sha256",), "rsa-oaep-256"),
        (("rsa_oaep_md:sha256", "rsa_mgf1_md:sha1"), "rsa-oaep-256"),
        (("rsa_oaep_md:sha256", "rsa_oaep_label:6c6162656c"), "rsa-oaep-256"),
    ],
)
def test_what_openssl_encrypts_with_oaep(
    openssl: OpenSSL, rsa_identity: Identity, options: tuple[str, ...], name: str
) -> None:
    keyopt = [word for option in options for word in ("-keyopt", option)]
    sent = openssl.run(*ENCRYPT, "-aes256", *OAEP, *keyopt, data=CONTENT)
    assert EnvelopedMessage.parse(sent).recipients[0].key_transport.name == name
    assert _open(sent, rsa_identity) == CONTENT


def test_oaep_with_another_digest_is_refused(openssl: OpenSSL, rsa_identity: Identity) -> None:
    sent = openssl.run(*ENCRYPT, "-aes256", *OAEP, "-keyopt", "rsa_oaep_md:sha512", data=CONTENT)
    with pytest.raises(AlgorithmRefused, match="OAEP with sha512"):
        _open(sent, rsa_identity)


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("transport", ["rsa", "rsa-oaep", "rsa-oaep-256"])
@pytest.mark.parametrize("size", [0, 1, 15, 16, 5000])
def test_openssl_decrypts(
    openssl: OpenSSL, rsa_identity: Identity, cipher: str, transport: str, size: int
) -> None:
    content = bytes(range(256)) * 20
    sent = seal(
        content[:size],
        rsa_identity.der,
        rsa_identity.public_key,
        cipher=cipher,
        key_transport=transport,
        allow_legacy=True,
    )
    assert openssl.run(*DECRYPT, data=sent) == content[:size]
    assert _open(sent, rsa_identity, allow_legacy=True) == content[:size]


def test_pyca_agrees(rsa_identity: Identity) -> None:
    assert isinstance(rsa_identity.key, rsa.RSAPrivateKey)
    sent = seal(CONTENT, rsa_identity.der, rsa_identity.public_key)
    assert pkcs7.pkcs7_decrypt_der(sent, rsa_identity.certificate, rsa_identity.key, []) == CONTENT
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(CONTENT).add_recipient(rsa_identity.certificate)
    by_pyca = builder.encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])
    assert _open(by_pyca, rsa_identity) == CONTENT


def test_the_envelope_is_der_with_everything_in_its_place(rsa_identity: Identity) -> None:
    info = cms.ContentInfo.load(seal(CONTENT, rsa_identity.der, rsa_identity.public_key), strict=True)
    enveloped = info["content"]
    assert (info["content_type"].native, enveloped["version"].native) == ("enveloped_data", "v0")
    recipient = enveloped["recipient_infos"][0].chosen
    assert recipient["rid"].chosen["serial_number"].native == 1
    assert recipient["key_encryption_algorithm"]["algorithm"].native == "rsaes_pkcs1v15"
    assert enveloped["encrypted_content_info"]["content_encryption_algorithm"].encryption_mode == "cbc"


def test_a_streamed_envelope_is_opened(rsa_identity: Identity) -> None:
    sent = read(seal(CONTENT, rsa_identity.der, rsa_identity.public_key))
    assert _open(streamed(sent.encoded), rsa_identity) == CONTENT
    assert _open(_with_encrypted(sent, _in_pieces), rsa_identity) == CONTENT


def _in_pieces(encrypted: bytes) -> bytes:
    cut = [encrypted[:100], encrypted[100:101], encrypted[101:]]
    return writer.context(0, b"".join(map(writer.octet_string, cut)))


def _with_encrypted(sent: Element, change: Callable[[bytes], bytes]) -> bytes:
    version, recipients, content = sent.children()[1].only_child().children()
    kind, algorithm, encrypted = content.children()
    changed = writer.sequence(kind.encoded, algorithm.encoded, change(encrypted.contents))
    return wrap(oids.ENVELOPED_DATA, writer.sequence(version.encoded, recipients.encoded, changed))


def test_several_recipients(openssl: OpenSSL, rsa_identity: Identity, other_identity: Identity) -> None:
    sent = openssl.run(*ENCRYPT, "-aes128", "-recip", "other.pem", "-recip", "rsa.pem", data=CONTENT)
    message = EnvelopedMessage.parse(sent)
    assert len(message.recipients) == 2
    for identity in (rsa_identity, other_identity):
        assert _open(sent, identity) == CONTENT


def test_the_candidate_is_named(rsa_identity: Identity, other_identity: Identity) -> None:
    assert isinstance(rsa_identity.key, rsa.RSAPrivateKey)
    assert isinstance(other_identity.key, rsa.RSAPrivateKey)
    candidates = [(other_identity.der, other_identity.key), (rsa_identity.der, rsa_identity.key)]
    message = EnvelopedMessage.parse(seal(CONTENT, rsa_identity.der, rsa_identity.public_key))
    assert message.open(candidates) == (CONTENT, 1)
    assert message.is_addressed_to([certificate for certificate, _ in candidates])
    assert not message.is_addressed_to([other_identity.der])


def test_somebody_elses_envelope(openssl: OpenSSL, other_identity: Identity) -> None:
    for form in ((), ("-keyid",)):
        sent = openssl.run(*ENCRYPT, "-aes128", *form, "-recip", "rsa.pem", data=CONTENT)
        with pytest.raises(IntegrityFailure, match="none of our certificates"):
            _open(sent, other_identity)


def test_other_kinds_of_recipient_are_passed_over(openssl: OpenSSL, rsa_identity: Identity) -> None:
    password = ("-pwri_password", "password")
    sent = openssl.run(*ENCRYPT, "-aes128", *password, "-recip", "rsa.pem", data=CONTENT)
    assert _open(sent, rsa_identity) == CONTENT
    agreed = openssl.run(*ENCRYPT, "-aes128", "-recip", "ec.pem", data=CONTENT)
    with pytest.raises(IntegrityFailure, match="none of our certificates"):
        _open(agreed, rsa_identity)


def test_authenticated_encryption_is_another_content_type(openssl: OpenSSL) -> None:
    sent = openssl.run(*ENCRYPT, "-aes-128-gcm", "-recip", "rsa.pem", data=CONTENT)
    with pytest.raises(MalformedMessage, match=r"1\.2\.840\.113549\.1\.9\.16\.1\.23"):
        EnvelopedMessage.parse(sent)


def test_an_unknown_cipher_is_refused(openssl: OpenSSL, rsa_identity: Identity) -> None:
    sent = openssl.run(*ENCRYPT, "-camellia128", "-recip", "rsa.pem", data=CONTENT)
    message = EnvelopedMessage.parse(sent)
    with pytest.raises(AlgorithmRefused, match="content cipher"):
        _ = message.cipher
    with pytest.raises(AlgorithmRefused, match="content cipher"):
        _open(sent, rsa_identity)


@pytest.mark.parametrize("number", [32, 33])
def test_the_number_of_recipients_has_a_limit(rsa_identity: Identity, number: int) -> None:
    sent = read(seal(CONTENT, rsa_identity.der, rsa_identity.public_key))
    version, recipients, content = sent.children()[1].only_child().children()
    many = writer.tlv(0x31, recipients.contents * number)
    changed = wrap(oids.ENVELOPED_DATA, writer.sequence(version.encoded, many, content.encoded))
    if number > 32:
        with pytest.raises(MalformedMessage, match="33 recipients"):
            EnvelopedMessage.parse(changed)
    else:
        assert _open(changed, rsa_identity) == CONTENT


def test_keys_that_cannot_be_sealed_to(ec_identity: Identity, rsa_identity: Identity) -> None:
    small = rsa.generate_private_key(65537, 1024).public_key()
    for key in (ec_identity.public_key, small, object()):
        with pytest.raises(AlgorithmRefused, match="2048 bits"):
            seal(CONTENT, ec_identity.der, key)
    assert check_recipient_key(rsa_identity.public_key) == rsa_identity.public_key


@pytest.mark.parametrize(
    "names", [{"cipher": "des-ede3-cbc"}, {"cipher": "rc4"}, {"key_transport": "rsa-oaep-512"}]
)
def test_algorithms_that_are_not_sealed_with(rsa_identity: Identity, names: dict[str, str]) -> None:
    with pytest.raises(AlgorithmRefused):
        seal(CONTENT, rsa_identity.der, rsa_identity.public_key, **names)  # type: ignore[arg-type]


def test_every_envelope_has_its_own_key(rsa_identity: Identity) -> None:
    sealed = {seal(b"", rsa_identity.der, rsa_identity.public_key)[-40:] for _ in range(5)}
    assert len(sealed) == 5


def test_nothing_secret_is_in_the_repr(rsa_identity: Identity) -> None:
    message = EnvelopedMessage.parse(seal(CONTENT, rsa_identity.der, rsa_identity.public_key))
    assert repr(message._encrypted) not in repr(message)
    assert repr(message.recipients[0].wrapped_key) not in repr(message)
