"""Legacy algorithms: refused by name with what to use instead, or taken and said aloud, once a message."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from shared.asn1 import oids, writer
from shared.keys.signatures import parse_scheme
from shared.scep import legacy
from shared.scep.client import Reply, build_csr
from shared.scep.message import FailInfo, PKIMessage, PKIStatus
from shared.x509.request import CertificateRequest
from tests.scep.authority import STATIC_SECRET, World, csr, key, self_signed
from tests.scep.crafting import ask, envelope, message
from tests.scep.pending_device import PendingDevice

DIGEST = "set its digest (strongSwan --digest, sscep -S) to sha256"
CIPHER = "set its encryption (strongSwan --cipher, sscep -E) to aes"


@pytest.fixture
def world() -> World:
    return World()


def enrol(world: World, **algorithms: str) -> Reply:
    """Under the profile that takes legacy algorithms."""
    request = csr("CN=old", challenge=STATIC_SECRET)
    how: dict[str, Any] = {"profile": "static", "transaction_id": "transaction-1", **algorithms}
    return world.send(request, self_signed(), **how)


def loud(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.levelno == logging.WARNING and "LEGACY" in record.getMessage()
    ]


@pytest.mark.parametrize(
    ("algorithms", "told"),
    [
        ({"digest": "sha1"}, f"SHA-1: the client should not use it; {DIGEST}"),
        ({"digest": "md5"}, f"MD5: the client should not use it; {DIGEST}"),
        ({"cipher": "des-ede3-cbc"}, f"DES-EDE3-CBC: the client should not use it; {CIPHER}"),
        ({"cipher": "des-cbc"}, f"DES-CBC: the client should not use it; {CIPHER}"),
        (
            {"cipher": "des-cbc", "digest": "sha1"},
            f"DES-CBC, SHA-1: the client should not use it; {CIPHER}; {DIGEST}",
        ),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_what_is_taken_is_said_aloud_and_answered_in_kind(
    world: World, algorithms: dict[str, str], told: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply = enrol(world, **algorithms)
    assert reply.status is PKIStatus.SUCCESS
    assert {"digest": reply.digest, "cipher": reply.cipher}.items() >= algorithms.items()
    assert loud(caplog) == [f"transaction transaction-1 profile static LEGACY {told}"]


def test_nothing_is_said_where_nothing_old_is_used(world: World, caplog: pytest.LogCaptureFixture) -> None:
    assert enrol(world).status is PKIStatus.SUCCESS
    assert loud(caplog) == []


def test_it_is_said_of_what_is_refused_for_another_reason(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    reply = world.send(csr("CN=old", challenge="wrong"), self_signed(), profile="static", cipher="des-cbc")
    assert reply.status is PKIStatus.FAILURE
    assert len(loud(caplog)) == 1


def test_it_is_said_of_a_poll(world: World, caplog: pytest.LogCaptureFixture) -> None:
    device = PendingDevice(world, profile="approved-static", challenge=STATIC_SECRET, subject="CN=old")
    device.submit()
    assert loud(caplog) == []
    assert device.poll(cipher="des-ede3-cbc").status is PKIStatus.PENDING
    assert len(loud(caplog)) == 1


@pytest.mark.parametrize(
    ("algorithms", "text"),
    [
        ({"digest": "sha1"}, "The digest SHA-1 is not accepted here; use SHA-256."),
        ({"digest": "md5"}, "The digest MD5 is not accepted here; use SHA-256."),
        ({"cipher": "des-cbc"}, "The cipher DES-CBC is not accepted here; use AES-128-CBC or AES-256-CBC."),
        (
            {"cipher": "des-ede3-cbc"},
            "The cipher DES-EDE3-CBC is not accepted here; use AES-128-CBC or AES-256-CBC.",
        ),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else "",
)
def test_a_refusal_names_what_is_old_and_what_to_use(
    world: World, algorithms: dict[str, str], text: str, caplog: pytest.LogCaptureFixture
) -> None:
    reply = world.send(csr(challenge=world.challenge()), self_signed(), **algorithms)  # type: ignore[arg-type]
    assert (reply.status, reply.fail_info, reply.fail_text) == (PKIStatus.FAILURE, FailInfo.BAD_ALG, text)
    assert loud(caplog) == []


def test_the_digest_of_a_request_inside_counts_too(world: World) -> None:
    """A request of the client's own signed with SHA-1, which no library here makes any more."""
    modern = CertificateRequest.from_der(build_csr(key(0), x509.Name.from_rfc4514_string("CN=old")))
    assert legacy.in_request(modern) == set()
    old = replace(modern, der=re_signed(modern.der))
    assert parse_scheme(writer.sequence(writer.oid(oids.SHA1_WITH_RSA), writer.null())).digest is not None
    assert [use.name for use in legacy.in_request(old)] == ["SHA-1"]
    assert CertificateRequest.from_der(old.der, allow_legacy=True).subject == modern.subject


def re_signed(der: bytes) -> bytes:
    """The same request with a SHA-1 signature."""
    request = x509.load_der_x509_csr(der)
    signed = request.tbs_certrequest_bytes
    signature = key(0).sign(signed, padding.PKCS1v15(), hashes.SHA1())
    algorithm = writer.sequence(writer.oid(oids.SHA1_WITH_RSA), writer.null())
    bits = b"\x00" + signature
    return writer.sequence(signed, algorithm, b"\x03\x82" + len(bits).to_bytes(2, "big") + bits)


def test_a_signature_algorithm_nobody_can_read_says_nothing(world: World) -> None:
    parsed = PKIMessage.parse(message(envelope(world, b""))).signed
    for identifier in (b"\x30\x00", b"", writer.sequence(writer.oid("1.2.3"))):
        assert legacy.in_message(replace(parsed, signature_algorithm=identifier)) == set()
    assert legacy.in_message(replace(parsed, digest_oid="1.2.3")) == set()


def test_an_unreadable_signature_algorithm_is_refused_in_a_reply(world: World) -> None:
    whole = message(envelope(world, csr(challenge=world.challenge())))
    algorithm = writer.sequence(writer.oid(oids.RSA_ENCRYPTION), writer.null())
    at = whole.rindex(algorithm)
    touched = whole[:at] + algorithm[:-2] + b"\x02\x00" + whole[at + len(algorithm) :]
    assert ask(world, touched).status is PKIStatus.FAILURE
