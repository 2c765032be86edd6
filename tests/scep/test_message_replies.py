"""CertReps as OpenSSL and asn1crypto read them."""

from __future__ import annotations

import pytest
from asn1crypto import cms
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from shared.asn1.pem import pem
from shared.cms.signing import parse_degenerate
from shared.scep.client import build_request
from tests.programs import OpenSSL
from tests.scep.authority import STATIC_SECRET, World, csr, key, self_signed


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(autouse=True)
def files(world: World, openssl: OpenSSL) -> None:
    """ra.pem, chain.pem, device.pem and device.key for openssl."""
    folder = openssl.folder
    (folder / "ra.pem").write_bytes(pem("CERTIFICATE", world.ra.certificate.der))
    chain = [world.issuer.certificate, world.root]
    (folder / "chain.pem").write_bytes(b"".join(pem("CERTIFICATE", each.der) for each in chain))
    (folder / "device.pem").write_bytes(pem("CERTIFICATE", self_signed().certificate.der))
    text = key(0).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "device.key").write_bytes(text)


def reply(
    world: World,
    request: bytes,
    *,
    profile: str = "device",
    cipher: str = "aes-256-cbc",
    digest: str = "sha256",
) -> bytes:
    der, _, _ = build_request(request, self_signed(), world.ra.certificate, cipher=cipher, digest=digest)
    return world.service.pki_operation(der, world.profile(profile), now=world.now)


def content_of(der: bytes) -> object:
    """The eContent as asn1crypto sees it: None if absent."""
    return cms.ContentInfo.load(der, strict=True)["content"]["encap_content_info"]["content"].native


def verified(world: World, openssl: OpenSSL, der: bytes) -> bytes:
    """What openssl takes for the content, once signature and RA certificate hold."""
    at = str(int(world.now.timestamp()))
    options = ("-CAfile", "chain.pem", "-attime", at, "-purpose", "any", "-binary")
    return openssl.run("cms", "-verify", "-inform", "DER", *options, data=der)


def test_openssl_verifies_a_failure_whose_content_is_there_and_empty(world: World, openssl: OpenSSL) -> None:
    der = reply(world, csr(challenge="wrong"))
    assert verified(world, openssl, der) == b""
    assert content_of(der) == b""


@pytest.mark.parametrize("cipher", ["aes-128-cbc", "aes-192-cbc", "aes-256-cbc"])
@pytest.mark.parametrize("digest", ["sha256", "sha512"])
def test_openssl_opens_a_success(world: World, openssl: OpenSSL, cipher: str, digest: str) -> None:
    der = reply(world, csr(challenge=world.challenge()), cipher=cipher, digest=digest)
    envelope = verified(world, openssl, der)
    opened = openssl.run(
        *("cms", "-decrypt", "-inform", "DER", "-binary", "-inkey", "device.key", "-recip", "device.pem"),
        data=envelope,
    )
    certificates = parse_degenerate(opened)[0]
    assert certificates[1] == world.issuer.certificate.der
    printed = openssl.run("pkcs7", "-inform", "DER", "-print_certs", data=opened).decode()
    assert "CN = dev1" in printed


def test_openssl_opens_a_legacy_success(world: World, openssl: OpenSSL) -> None:
    request = csr("CN=old", challenge=STATIC_SECRET)
    der = reply(world, request, profile="static", cipher="des-ede3-cbc", digest="sha1")
    envelope = verified(world, openssl, der)
    assert (
        cms.ContentInfo.load(envelope)["content"]["encrypted_content_info"][
            "content_encryption_algorithm"
        ].encryption_cipher
        == "tripledes"
    )
    openssl.run(
        *("cms", "-decrypt", "-inform", "DER", "-binary", "-inkey", "device.key", "-recip", "device.pem"),
        data=envelope,
    )


def test_openssl_refuses_a_reply_that_was_touched(world: World, openssl: OpenSSL) -> None:
    der = bytearray(reply(world, csr(challenge="wrong")))
    der[-1] ^= 1
    openssl.refusal(
        "cms", "-verify", "-inform", "DER", "-CAfile", "chain.pem", "-purpose", "any", data=bytes(der)
    )


def test_status_and_fail_info_are_digits_in_printable_strings(world: World) -> None:
    parsed = cms.ContentInfo.load(reply(world, csr(challenge="wrong")), strict=True)
    attributes = {
        each["type"].dotted: each["values"][0]
        for each in parsed["content"]["signer_infos"][0]["signed_attrs"]
    }
    scep = "2.16.840.1.113733.1.9."
    found = {
        oid.removeprefix(scep): value.parsed for oid, value in attributes.items() if oid.startswith(scep)
    }
    assert {oid: (type(value).__name__, value.native) for oid, value in found.items() if oid in "234"} == {
        "2": ("PrintableString", "3"),
        "3": ("PrintableString", "2"),
        "4": ("PrintableString", "2"),
    }
    text = attributes["1.3.6.1.5.5.7.24.1"].parsed
    assert type(text).__name__ == "UTF8String"
    assert text.native


@pytest.mark.parametrize(("setting", "count"), [("leaf", 1), ("issuer", 2), ("chain", 3)])
def test_a_success_carries_as_much_of_the_chain_as_the_profile_says(
    world: World, openssl: OpenSSL, setting: str, count: int
) -> None:
    profile = world.profile().model_copy(update={"reply": setting})
    der, _, _ = build_request(csr(challenge=world.challenge()), self_signed(), world.ra.certificate)
    envelope = verified(world, openssl, world.service.pki_operation(der, profile, now=world.now))
    opened = openssl.run(
        *("cms", "-decrypt", "-inform", "DER", "-binary", "-inkey", "device.key", "-recip", "device.pem"),
        data=envelope,
    )
    certificates = parse_degenerate(opened)[0]
    assert len(certificates) == count
    assert certificates[1:] == (world.issuer.certificate.der, world.root.der)[: count - 1]
