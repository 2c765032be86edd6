"""To whom a password is sealed: certificates of ours that live, or those that a caller may name."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from shared.errors import AlgorithmRefused, MalformedMessage, PolicyViolation
from shared.keys.ports import public_key_info
from shared.pfx.imported_recipients import ImportedRecipients
from shared.x509.certificate import Certificate
from tests.pfx.imported_site import (
    CALLERS,
    ImportSite,
    device_certificate,
    device_key,
    request,
    tiny_certificate,
)
from tests.pfx.mail import USER
from tests.scep.authority import DAY, NOW


@pytest.fixture
def site() -> ImportSite:
    return ImportSite()


def find(site: ImportSite, caller: str = "mdm", **changes: Any) -> Certificate:
    recipients: ImportedRecipients = site.service.recipients
    return recipients.find(request(caller=caller, **changes), CALLERS[caller], site.now)


def certificate(record: Any) -> bytes:
    assert isinstance(record.certificate, bytes)
    return record.certificate


def test_the_newest_certificate_of_the_device_is_taken(site: ImportSite) -> None:
    site.enrol()
    site.enrol("dev2")
    site.now += DAY
    newest = site.enrol(key=device_key("next"))
    assert find(site).serial_hex == newest.serial


def test_one_that_cannot_be_used_is_passed_over(site: ImportSite) -> None:
    usable = site.enrol()
    for number, (key, usages, life) in enumerate(
        [
            (ec.generate_private_key(ec.SECP256R1()), ["digitalSignature"], 364),
            (device_key("a"), ["digitalSignature"], 364),
            (device_key("b"), ["keyEncipherment"], 3),
        ]
    ):
        site.now += timedelta(minutes=1)
        site.enrol(key=key, usages=usages, life=life, identity=f"odd {number}")
    site.now += timedelta(minutes=1)
    revoked = site.enrol(key=device_key("c"), identity="revoked")
    site.world.revocations.revoke(revoked.issuer, revoked.serial, "keyCompromise", by="tests")
    site.now += 10 * DAY
    assert find(site).serial_hex == usable.serial


@pytest.mark.parametrize(
    ("key", "usages", "told"),
    [
        (device_key("a"), ["digitalSignature"], "lacks keyEncipherment"),
        (ec.generate_private_key(ec.SECP256R1()), ["digitalSignature"], "lacks keyAgreement"),
        (ec.generate_private_key(ec.SECP384R1()), ["keyAgreement"], "a key on secp384r1"),
    ],
)
def test_if_none_can_be_used_it_is_told_why(site: ImportSite, key: Any, usages: list[str], told: str) -> None:
    site.enrol(key=key, usages=usages)
    with pytest.raises(PolicyViolation, match=told) as refused:
        find(site)
    assert told in refused.value.public


def test_a_device_without_certificate_gets_nothing(site: ImportSite) -> None:
    with pytest.raises(PolicyViolation, match="no certificate of ours"):
        find(site)
    site.enrol("dev2")
    with pytest.raises(PolicyViolation, match="no certificate of ours"):
        find(site)


def test_a_certificate_of_ours_for_that_device_may_be_named_by_anybody(site: ImportSite) -> None:
    first = site.enrol()
    site.now += DAY
    site.enrol(key=device_key("next"))
    assert find(site, certificate=certificate(first)).serial_hex == first.serial


def test_one_of_another_device_wants_the_permission(site: ImportSite) -> None:
    other = site.enrol("dev2")
    with pytest.raises(PolicyViolation, match="does not list 'recipient'"):
        find(site, certificate=certificate(other))
    assert find(site, "anyone", certificate=certificate(other)).serial_hex == other.serial


def test_a_certificate_of_others_wants_the_permission(site: ImportSite) -> None:
    theirs = device_certificate(device_key("intune"))
    with pytest.raises(PolicyViolation, match="does not list 'recipient'"):
        find(site, certificate=theirs.der)
    assert find(site, "connector", certificate=theirs.der).der == theirs.der


def test_one_that_only_looks_like_ours_is_one_of_others(site: ImportSite) -> None:
    ours = Certificate.from_der(certificate(site.enrol()))
    damaged = bytearray(ours.der)
    damaged[-1] ^= 1
    with pytest.raises(PolicyViolation, match="does not list 'recipient'"):
        find(site, certificate=bytes(damaged))


@pytest.mark.parametrize(
    ("reason", "told"), [("keyCompromise", "is revoked"), ("certificateHold", "is held")]
)
def test_one_of_ours_that_is_good_no_more_is_refused(site: ImportSite, reason: str, told: str) -> None:
    record = site.enrol()
    site.world.revocations.revoke(record.issuer, record.serial, reason, by="tests")
    for caller in ("mdm", "anyone"):
        with pytest.raises(PolicyViolation, match=told):
            find(site, caller, certificate=certificate(record))
    with pytest.raises(PolicyViolation):
        find(site)
    with pytest.raises(PolicyViolation):
        find(site, key=public_key_info(device_key()))


@pytest.mark.parametrize(
    ("begins", "life", "told"),
    [(NOW - 30 * DAY, 10, "expired on 2026-11-01"), (NOW + DAY, 10, "not valid before 2026-11-22")],
)
def test_one_out_of_its_time_is_refused(site: ImportSite, begins: Any, life: int, told: str) -> None:
    theirs = device_certificate(device_key("intune"), begins=begins, life=life)
    with pytest.raises(PolicyViolation, match=told) as refused:
        find(site, "connector", certificate=theirs.der)
    assert told in refused.value.public


def test_a_key_of_512_bits_is_refused(site: ImportSite) -> None:
    with pytest.raises(AlgorithmRefused, match="an RSA key of 512 bits; it takes 2048") as refused:
        find(site, "connector", certificate=tiny_certificate())
    assert "512 bits" in refused.value.public


def test_a_ca_is_no_recipient(site: ImportSite) -> None:
    with pytest.raises(PolicyViolation, match="one of a CA"):
        find(site, "connector", certificate=site.world.root.der)


@pytest.mark.parametrize("der", [b"junk", b"\x30\x00", bytes(100)])
def test_what_is_no_certificate_is_refused(site: ImportSite, der: bytes) -> None:
    with pytest.raises(MalformedMessage, match="recipient's certificate cannot be read"):
        find(site, "connector", certificate=der)


def test_a_bare_key_stands_for_the_certificate_of_ours_that_has_it(site: ImportSite) -> None:
    first = site.enrol()
    site.now += DAY
    site.enrol(key=device_key("next"))
    assert find(site, key=public_key_info(device_key())).serial_hex == first.serial
    for wrong in (public_key_info(device_key("another")), b"junk"):
        with pytest.raises(PolicyViolation, match="with that key"):
            find(site, "anyone", key=wrong)
    with pytest.raises(PolicyViolation, match="with that key"):
        find(site, device="dev2", key=public_key_info(device_key()))


def test_a_p256_key_is_sealed_to_by_key_agreement(site: ImportSite) -> None:
    ours = site.enrol(key=ec.generate_private_key(ec.SECP256R1()), usages=["keyAgreement"])
    assert find(site).serial_hex == ours.serial


def test_a_certificate_of_another_user_of_the_device_is_none(site: ImportSite) -> None:
    anns = site.enrol(user=USER)
    site.now += DAY
    bobs = site.enrol(key=device_key("bob"), user="bob@example.org")
    assert find(site).serial_hex == anns.serial
    for caller in ("mdm", "anyone"):
        with pytest.raises(PolicyViolation, match="another user of the device"):
            find(site, caller, certificate=certificate(bobs))
    with pytest.raises(PolicyViolation, match="with that key"):
        find(site, key=public_key_info(device_key("bob")))


def test_a_key_that_was_made_here_is_not_one_of_the_device(site: ImportSite) -> None:
    site.enrol(by="pkcs:mdm")
    with pytest.raises(PolicyViolation, match="no certificate of ours"):
        find(site)


def test_of_one_second_the_renewed_certificate_is_the_newer_one(site: ImportSite) -> None:
    first = site.enrol()
    renewed = site.enrol(key=device_key("next"), by=f"renewal:{first.serial}")
    assert first.issued_at == renewed.issued_at
    assert find(site).serial_hex == renewed.serial
