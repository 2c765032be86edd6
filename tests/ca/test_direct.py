"""Issuing for an administrator's request: the policy and record of SCEP, and one certificate per command and day."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from shared.asn1 import oids, writer
from shared.asn1.pem import pem
from shared.ca.authority import Issued
from shared.ca.direct import MAX_ORDER_BYTES, DirectIssuance, DirectOrder
from shared.errors import AlgorithmRefused, IntegrityFailure, MalformedMessage, PolicyViolation, RequestError
from shared.policy.profiles import Profiles
from shared.revocation.crl_requests import CRLRequests
from shared.revocation.service import RevocationService
from shared.store.memory import MemoryQueue, MemoryStore
from shared.x509.extensions import Extension, basic_constraints, key_usage, subject_alternative_name
from shared.x509.general_names import GeneralName
from tests.ca.stores import Worker
from tests.scep.authority import DAY, NOW
from tests.x509.material import challenge, extension_request, make_request

POLICY = """
version = 1

[profiles.web-server]
title = "Web servers"
holder = "device"
challenge = "sealed"
key = ["RSA-2048", "P-256"]
subject.CN = { pattern = "[a-z0-9.-]+" }
san.dns = { pattern = "[a-z0-9-]+[.]example[.]org", max = 5 }
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["serverAuth"] }
validity = 90

[profiles.user]
title = "Users"
holder = "user"
challenge = "intune"
subject.CN = { pattern = "[a-z0-9.-]+" }
key_usage = { allowed = ["digitalSignature"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365
"""
HOST = GeneralName.dns("web.example.org")


def san(name: GeneralName = HOST) -> bytes:
    return extension_request(subject_alternative_name([name]).encoded)


def csr(*attributes: bytes, algorithm: str = "p-256") -> bytes:
    return make_request(attributes or (san(),), algorithm=algorithm)


class Desk:
    """Direct issuance over a store in memory, ordered from as over HTTP."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.worker = Worker(self.store)
        self.issuance = DirectIssuance(lambda _: self.worker.authority, Profiles.parse(POLICY), DAY)
        self.now = NOW

    def issue(
        self,
        request: bytes | None = None,
        *,
        profile: str = "web-server",
        principal: str = "ann",
        **more: object,
    ) -> Issued:
        text = pem("CERTIFICATE REQUEST", request or csr()).decode()
        body = json.dumps({"profile": profile, "csr": text, **more}).encode()
        return self.issuance.issue(DirectOrder.parse(body), principal=principal, now=self.now)

    def refused(self, kind: type[RequestError], request: bytes | None = None, **more: object) -> str:
        """What the administrator is told."""
        with pytest.raises(kind) as error:
            self.issue(request, **more)  # type: ignore[arg-type]
        assert self.worker.key.signatures == 0
        return error.value.public


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_profile_decides_and_the_record_says_who_vouched(desk: Desk) -> None:
    issued = desk.issue(device="web-1")
    certificate = issued.certificate
    assert certificate.extended_key_usage == (oids.EKU_SERVER_AUTH,)
    assert certificate.key_usage == frozenset({"digitalSignature"})  # what an EC key can serve
    assert [name.text() for name in certificate.sans] == ["dns:web.example.org"]
    assert certificate.not_after - certificate.not_before == timedelta(days=90)
    record = desk.store.find(issued.record.issuer, issued.record.serial)
    assert record is not None
    assert (record.vouched_by, record.profile, record.device) == ("administrator:ann", "web-server", "web-1")
    assert [claim.serial for claim in desk.store.owned_by("device:web-1")] == [record.serial]


def test_base64_of_der_and_both_labels_of_pem_are_read(desk: Desk) -> None:
    request = csr()
    texts = [base64.b64encode(request), base64.encodebytes(request), pem("NEW CERTIFICATE REQUEST", request)]
    texts.append(b"words before\n" + pem("CERTIFICATE REQUEST", request).replace(b"\n", b"\r\n"))
    assert {DirectOrder(profile="x", csr=text.decode()).der() for text in texts} == {request}


def test_the_same_command_gets_the_same_certificate_for_a_day(desk: Desk) -> None:
    request = csr()
    first = desk.issue(request)
    for hours in (0, 11, 13, 23.9):  # past midnight, too
        desk.now = NOW + timedelta(hours=hours)
        again = desk.issue(request, principal="ben")
        assert again.repeated
        assert again.certificate == first.certificate
    assert desk.worker.key.signatures == 1
    assert desk.store.find(first.record.issuer, first.record.serial) == first.record


@pytest.mark.parametrize("hours", [24.1, 36, 48, 24 * 60])
def test_after_a_day_the_same_request_is_a_new_one(desk: Desk, hours: float) -> None:
    request = csr()
    first = desk.issue(request)
    desk.now = NOW + timedelta(hours=hours)
    assert not (later := desk.issue(request)).repeated
    assert later.certificate.serial != first.certificate.serial
    assert desk.issue(request).certificate == later.certificate


def test_another_request_profile_or_owner_is_another_certificate(desk: Desk) -> None:
    orders = [
        desk.issue(),
        desk.issue(csr(san(GeneralName.dns("b.example.org")))),
        desk.issue(device="web-1"),
    ]
    assert len({issued.record.serial for issued in orders}) == 3


def test_of_a_revoked_one_no_second_is_made_on_that_day(desk: Desk) -> None:
    request = csr()
    issued = desk.issue(request)
    revocations = RevocationService(
        desk.store, CRLRequests(MemoryQueue(), lambda: desk.now), lambda: desk.now
    )
    revocations.revoke(issued.record.issuer, issued.record.serial, "keyCompromise", by="test")
    with pytest.raises(PolicyViolation) as refused:
        desk.issue(request)
    assert issued.record.serial in refused.value.public
    assert "new key" in refused.value.public


def test_a_shorter_life_can_be_asked_for_and_no_longer_one(desk: Desk) -> None:
    certificate = desk.issue(validity_days=7).certificate
    assert certificate.not_after - certificate.not_before == timedelta(days=7)
    assert "at most 90" in Desk().refused(PolicyViolation, validity_days=91)


def test_users_are_named_where_the_profile_is_for_users_and_only_there(desk: Desk) -> None:
    request = make_request((), algorithm="rsa-2048")
    assert "user is missing" in desk.refused(PolicyViolation, request, profile="user")
    assert "does not belong" in desk.refused(PolicyViolation, user="ann@example.org")
    issued = desk.issue(request, profile="user", user="Ann@example.org")  # whatever its challenge mode
    assert issued.record.owner == "user:ann@example.org"


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (csr(san(GeneralName.dns("web.example.net"))), "web.example.net"),
        (csr(san(GeneralName.ip("10.0.0.1"))), "kind ip"),
        (csr(extension_request(basic_constraints(True).encoded)), "CA certificate"),
        (csr(extension_request(key_usage(["keyCertSign"]).encoded)), "keyCertSign"),
        (csr(extension_request(Extension(oids.NAME_CONSTRAINTS, True, b"\x30\x00").encoded)), "2.5.29.30"),
        (csr(extension_request(Extension("1.2.3.4", False, b"").encoded)), "1.2.3.4"),
        (csr(extension_request(Extension(oids.MS_NTDS_CA_SECURITY, False, b"\x30\x00").encoded)), "311.25.2"),
    ],
)
def test_what_the_profile_does_not_allow_is_named(desk: Desk, request_: bytes, words: str) -> None:
    assert words in desk.refused(PolicyViolation, request_)


def test_a_challenge_in_the_request_is_of_no_account(desk: Desk) -> None:
    issued = desk.issue(csr(san(), challenge(writer.utf8_string("left-over"))))
    assert b"left-over" not in issued.certificate.der
    assert "left-over" not in repr(issued.record)


def test_a_request_that_proves_nothing_is_refused(desk: Desk) -> None:
    request = bytearray(csr())
    request[-1] ^= 1
    assert "signature" in desk.refused(IntegrityFailure, bytes(request))


def test_a_key_that_the_profile_does_not_allow_is_named(desk: Desk) -> None:
    assert "P-384" in desk.refused(AlgorithmRefused, csr(san(), algorithm="p-384"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "csr"),
        ("not base64!", "neither PEM nor base64"),
        (pem("CERTIFICATE", b"x").decode(), "it holds CERTIFICATE"),
        (pem("CERTIFICATE REQUEST", csr()).decode() * 2, "one CERTIFICATE REQUEST"),
        ("MAA=", ""),
    ],
)
def test_a_text_that_holds_no_request_is_told(desk: Desk, text: str, words: str) -> None:
    with pytest.raises(MalformedMessage) as error:
        desk.issuance.issue(DirectOrder(profile="web-server", csr=text), principal="ann", now=NOW)
    assert error.value.public.startswith("The order: ")
    assert words in error.value.public or not text


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "body"),
        (b"[]", "body"),
        (b'{"profile": "web-server"}', "csr"),
        (b'{"profile": "web-server", "csr": "", "validty_days": 1}', "validty_days"),
        (b'{"profile": "web-server", "csr": "", "validity_days": 0}', "validity_days"),
        (b'{"profile": "web-server", "csr": "", "device": "a/b"}', "device"),
        (json.dumps({"profile": "x", "csr": "A" * (MAX_ORDER_BYTES + 1)}).encode(), "csr"),
    ],
)
def test_an_order_that_is_none_names_the_field_and_no_value(body: bytes, words: str) -> None:
    with pytest.raises(MalformedMessage) as error:
        DirectOrder.parse(body)
    assert words in error.value.public
    assert "a/b" not in error.value.public


def test_a_profile_that_is_not_there_is_told_with_those_that_are(desk: Desk) -> None:
    assert "web-server, user" in desk.refused(PolicyViolation, profile="webserver")
