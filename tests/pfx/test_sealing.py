"""Sealing to RSA and P-256: OpenSSL opens every form, our own opener too, and nobody else does."""

from __future__ import annotations

from functools import lru_cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.cms.enveloped import EnvelopedMessage
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage, RequestError
from shared.pfx.opening import open_sealed
from shared.pfx.sealing import FORMS, Recipient, choose_forms, seal
from shared.policy.pkcs import SealingForm
from shared.x509.certificate import Certificate
from tests.cms.identity import Identity
from tests.programs import OpenSSL

SECRET = b"a-password-that-only-one-device-may-read"
OAEP = (
    "-pkeyopt",
    "rsa_padding_mode:oaep",
    "-pkeyopt",
    "rsa_oaep_md:sha256",
    "-pkeyopt",
    "rsa_mgf1_md:sha256",
)
Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@lru_cache
def key(kind: str = "rsa", number: int = 0) -> Key:
    """The same for the same kind and number."""
    if kind == "rsa":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key({"p-256": ec.SECP256R1(), "p-384": ec.SECP384R1()}[kind])


def spki(of: Key) -> bytes:
    return of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def recipient(of: Key, *, certified: bool) -> Recipient:
    if certified:
        return Recipient.of(Certificate.from_der(Identity.make(of, "device").der))
    return Recipient(spki(of))


def forms(kind: str) -> tuple[SealingForm, ...]:
    return FORMS if kind == "rsa" else ("cms",)


CASES = [
    (kind, form, certified)
    for kind in ("rsa", "p-256")
    for form in forms(kind)
    for certified in (True, False)
]


@pytest.mark.parametrize(("kind", "form", "certified"), CASES)
def test_openssl_opens_what_was_sealed(
    openssl: OpenSSL, kind: str, form: SealingForm, certified: bool
) -> None:
    holder = key(kind)
    Identity.make(holder, "device").write(openssl.folder, "device")
    (sealed,) = seal(SECRET, recipient(holder, certified=certified), [form])
    if form == "rsa-oaep-256":
        opened = openssl.run("pkeyutl", "-decrypt", "-inkey", "device.key", *OAEP, data=sealed.data)
    else:
        named = (
            "-recip",
            "device.pem",
        )  # openssl finds the recipient by either identifier of the certificate
        opened = openssl.run(
            "cms", "-decrypt", "-inform", "DER", "-inkey", "device.key", *named, "-binary", data=sealed.data
        )
    assert opened == SECRET


@pytest.mark.parametrize(("kind", "form", "certified"), CASES)
def test_our_own_opener_opens_it_and_another_key_does_not(
    kind: str, form: SealingForm, certified: bool
) -> None:
    (sealed,) = seal(SECRET, recipient(key(kind), certified=certified), [form])
    assert open_sealed(form, sealed.data, key(kind)) == SECRET
    # PKCS #1 v1.5 is rejected implicitly: a wrong key unwraps to noise, which does not decrypt.
    with pytest.raises(IntegrityFailure):
        open_sealed(form, sealed.data, key(kind, 1))


@pytest.mark.parametrize("kind", ["rsa", "p-256"])
def test_openssl_says_what_is_in_the_envelope(openssl: OpenSSL, kind: str) -> None:
    (sealed,) = seal(SECRET, recipient(key(kind), certified=True), ["cms"])
    said = openssl.run("cms", "-cmsout", "-print", "-inform", "DER", data=sealed.data).decode()
    assert "aes-256-cbc" in said
    if kind == "rsa":
        assert "rsaesOaep" in said
        assert said.count("sha256") >= 2
    else:
        assert "dhSinglePass-stdDH-sha256kdf-scheme" in said
        assert "id-aes256-wrap" in said


def test_openssl_seals_to_p_256_and_our_opener_opens(openssl: OpenSSL) -> None:
    holder = key("p-256")
    Identity.make(holder, "device").write(openssl.folder, "device")
    for scheme in ("sha256", "sha1"):
        options = ("-keyopt", f"ecdh_kdf_md:{scheme}", "-aes-128-cbc", "-binary", "-outform", "DER")
        sealed = openssl.run("cms", "-encrypt", "-recip", "device.pem", *options, data=SECRET)
        if scheme == "sha256":
            assert open_sealed("cms", sealed, holder) == SECRET
        else:
            with pytest.raises(AlgorithmRefused, match="scheme"):
                open_sealed("cms", sealed, holder)


def test_each_sealing_is_fresh() -> None:
    for form in FORMS:
        first, second = (seal(SECRET, recipient(key(), certified=True), [form])[0].data for _ in range(2))
        assert first != second


def test_nothing_secret_is_in_a_repr() -> None:
    (sealed,) = seal(SECRET, recipient(key(), certified=True), ["cms"])
    assert "data" not in repr(sealed)


@pytest.mark.parametrize("bits", [512, 1024, 2040])
def test_a_small_rsa_key_is_refused_by_name(openssl: OpenSSL, bits: int) -> None:
    openssl.run("genrsa", "-out", "small.key", str(bits))
    der = openssl.run("rsa", "-in", "small.key", "-pubout", "-outform", "DER")
    with pytest.raises(AlgorithmRefused, match=f"{bits} bits") as refused:
        Recipient(der)
    assert "2048" in refused.value.public


def test_other_curves_and_other_kinds_are_refused(openssl: OpenSSL) -> None:
    with pytest.raises(AlgorithmRefused, match="secp384r1"):
        Recipient(spki(key("p-384")))
    openssl.run("genpkey", "-algorithm", "ed25519", "-out", "ed.key")
    with pytest.raises(AlgorithmRefused):
        Recipient(openssl.run("pkey", "-in", "ed.key", "-pubout", "-outform", "DER"))


@pytest.mark.parametrize("form", ["rsa-oaep-256", "cms-pkcs1"])
def test_an_elliptic_key_takes_key_agreement_only(form: SealingForm) -> None:
    with pytest.raises(AlgorithmRefused, match=form):
        seal(SECRET, recipient(key("p-256"), certified=True), [form])


def test_a_long_secret_needs_an_envelope() -> None:
    long, holder = b"x" * 191, recipient(key(), certified=True)  # 2048 / 8 - 2 * 32 - 2 = 190
    assert seal(long[:190], holder, ["rsa-oaep-256"])
    with pytest.raises(AlgorithmRefused, match="190 fit"):
        seal(long, holder, ["rsa-oaep-256"])
    assert open_sealed("cms", seal(long, holder, ["cms"])[0].data, key()) == long


def test_forms_are_those_asked_for_or_all_that_are_allowed_and_possible() -> None:
    of_rsa, of_ec = recipient(key(), certified=True), recipient(key("p-256"), certified=True)
    both: tuple[SealingForm, ...] = ("rsa-oaep-256", "cms")
    assert choose_forms(of_rsa, both) == both
    assert choose_forms(of_ec, both) == ("cms",)
    assert choose_forms(of_rsa, both, ["cms", "cms"]) == ("cms",)
    for holder, allowed, asked in (
        (of_rsa, both, ["cms-pkcs1"]),
        (of_ec, both, ["rsa-oaep-256"]),
        (of_ec, ("rsa-oaep-256",), []),
    ):
        with pytest.raises(AlgorithmRefused):
            choose_forms(holder, allowed, asked)  # type: ignore[arg-type]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 400), st.integers(1, 255), st.sampled_from(["rsa", "p-256"]))
def test_a_damaged_envelope_opens_to_nothing_else(position: int, flip: int, kind: str) -> None:
    data = bytearray(seal(SECRET, recipient(key(kind), certified=True), ["cms"])[0].data)
    data[position % len(data)] ^= flip
    try:
        opened = open_sealed("cms", bytes(data), key(kind))
    except RequestError:
        return
    # The content is CBC without a tag: a flipped bit of it shows in the content, and the PFX's own MAC finds it.
    assert len(opened) <= len(SECRET) + 16


@given(st.binary(max_size=300))
def test_what_is_no_envelope_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(RequestError):
        open_sealed("cms", data, key("p-256"))
    with pytest.raises(MalformedMessage):
        EnvelopedMessage.parse(data)
