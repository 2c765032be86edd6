"""Values to put on record: each a function whose keyword arguments replace what a test cares about."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from shared.store.outbox import FailureReport, Unreported
from shared.store.pending import Decision, PendingRequest, Verdict
from shared.store.ports import CertificateRecord, Claim, Revocation, RevocationChange, Supersession
from shared.store.traces import Step, Trace
from shared.x509.serial import make_serial

NOW = datetime(2026, 3, 1, 12, 30, 15, tzinfo=UTC)
ISSUER = "00112233aabbccdd"

AWKWARD_IDS = (
    "a/b",
    "a\\b",
    "a#b",
    "a?b",
    "100%",
    "%2F",
    "=2F",
    "=",
    "=h" + "0" * 64,
    "a'b''c",
    'a"b',
    "a b ",
    " ",
    "tab\tnew\nline\x00\x7f\x85",
    "Ünïcödé-名前-😀",
    "UPPER",
    "upper",
    "../../etc/passwd",
    "user@example.org",
    "x" * 400,
    "x" * 401,
    "é" * 200,
    "/" * 2048,
    "long/" + "y" * 2048,
)


def serial(spread: int = 7, *, ends: datetime = NOW + timedelta(days=365), number: int = 1) -> str:
    """A serial of our own form with a given spread octet."""
    return make_serial(ends, lambda octets: bytes([spread]) + number.to_bytes(octets - 1, "big"))


def claim(**changes: Any) -> Claim:
    usual = Claim(
        owner="device:1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        identity="challenge-1",
        issuer=ISSUER,
        serial=serial(),
        tbs=b"\x30\x03tbs",
        key_hash="ab" * 32,
        claimed_at=NOW,
        profile="device",
        vouched_by="sealed:portal",
        challenge_minted_at=NOW - timedelta(minutes=5),
    )
    return replace(usual, **changes)


def record(**changes: Any) -> CertificateRecord:
    usual = CertificateRecord(
        issuer=ISSUER,
        serial=serial(),
        certificate=b"\x30\x04cert",
        owner="device:1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        identity="challenge-1",
        profile="device",
        vouched_by="sealed:portal",
        subject="CN=laptop,O=Example",
        not_before=NOW,
        not_after=NOW + timedelta(days=365),
        issued_at=NOW,
        key_hash="ab" * 32,
        sans=("dns:laptop.example.org", "upn:ann@example.org"),
        device="1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        user="ann@example.org",
        predecessor=serial(number=2),
        challenge_minted_at=NOW - timedelta(minutes=5),
    )
    return replace(usual, **changes)


def revocation(**changes: Any) -> Revocation:
    usual = Revocation("keyCompromise", NOW + timedelta(days=1), "admin:ann", "lost in a train")
    return replace(usual, **changes)


def change(**changes: Any) -> RevocationChange:
    return replace(RevocationChange(ISSUER, serial(), NOW, revocation()), **changes)


def supersession(**changes: Any) -> Supersession:
    return replace(Supersession(date(2026, 4, 1), ISSUER, serial(), serial(number=2), ISSUER), **changes)


def trace(**changes: Any) -> Trace:
    usual = Trace(
        transaction="transaction-1",
        at=NOW.replace(microsecond=123000),
        mark="0a1b2c3d",
        operation="PKCSReq",
        profile="device",
        source="198.51.100.7",
        agent="a client",
        status="SUCCESS",
        milliseconds=12.345,
        steps=(Step("parse", 0.25), Step("challenge", 1.5, "ChallengeRejected")),
        fail_info="BAD_REQUEST",
        error="ChallengeRejected",
        cause="promised 'CN=a', found 'CN=b'",
        device="laptop-1",
        user="ann@example.org",
        subject="CN=laptop-1,O=Example",
    )
    return replace(usual, **changes)


def pending(**changes: Any) -> PendingRequest:
    usual = PendingRequest(
        profile="device",
        transaction_id="transaction-1",
        signer_key_hash="cd" * 32,
        identity="challenge-1",
        vouched_by="sealed:portal",
        subject=b"\x30\x07subject",
        spki=b"\x30\x04spki",
        extensions=b"\x30\x0aextensions",
        life=timedelta(days=3660),
        requested_at=NOW,
        patience=timedelta(days=90),
        device="laptop-1",
        user="ann@example.org",
        challenge_minted_at=NOW - timedelta(minutes=5),
    )
    return replace(usual, **changes)


def verdict(**changes: Any) -> Verdict:
    usual = Verdict(Decision.APPROVED, "admin:ann", NOW + timedelta(hours=1), "seen on the phone")
    return replace(usual, **changes)


def unreported(**changes: Any) -> Unreported:
    usual = Unreported(
        issuer=ISSUER,
        serial=serial(),
        owner="device:1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        identity="challenge-1",
        noted_at=NOW,
    )
    return replace(usual, **changes)


def failure(**changes: Any) -> FailureReport:
    usual = FailureReport(
        integration="default",
        transaction_id="transaction-1",
        owner="device:1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        identity="challenge-1",
        request=b"sealed",
        result=-2147418113,
        description="the vault is away",
        noted_at=NOW,
        due_at=NOW + timedelta(minutes=10),
    )
    return replace(usual, **changes)
