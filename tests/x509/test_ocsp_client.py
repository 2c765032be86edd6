"""Reading an answer as the one who asked: everything that makes it untrustworthy is noticed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from shared.errors import DependencyError, IntegrityFailure, MalformedMessage, RequestError
from shared.keys import software
from shared.x509.ocsp_client import read_answer
from shared.x509.ocsp_response import (
    CertStatus,
    ResponseStatus,
    SingleResponse,
    build_error,
    build_response,
)
from tests.x509.material import NOW, ca_certificate, key, leaf
from tests.x509.ocsp_material import asked, authority, responder

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def build(**changes: Any) -> bytes:
    given = {"asked": asked(), "status": CertStatus.GOOD, "this_update": NOW, "next_update": NOW + HOUR}
    single = {name: changes.pop(name, value) for name, value in given.items()}
    single |= {name: changes.pop(name) for name in ("revoked_at", "reason") if name in changes}
    identity = {"responder": responder().certificate, "key": responder().key, "nonce": None}
    return build_response([SingleResponse(**single)], produced_at=NOW, **{**identity, **changes})


def read(der: bytes, **changes: Any) -> Any:
    return read_answer(der, asked(), authority()[0], **{"nonce": None, "now": NOW, **changes})


def test_what_was_said_is_read() -> None:
    answer = read(build(status=CertStatus.REVOKED, revoked_at=NOW - HOUR, reason="superseded"))
    assert (answer.status, answer.revoked_at, answer.reason) == (
        CertStatus.REVOKED,
        NOW - HOUR,
        "superseded",
    )
    assert (answer.this_update, answer.next_update) == (NOW, NOW + HOUR)
    assert answer.responder.der == responder().certificate.der
    assert read(build()).status is CertStatus.GOOD
    assert read(build(status=CertStatus.UNKNOWN)).status is CertStatus.UNKNOWN


def test_an_answer_by_the_issuer_itself_holds() -> None:
    ca, ca_key = authority()
    assert read(build(responder=ca, key=ca_key)).responder.der == ca.der


@pytest.mark.parametrize("later", [-5 * MINUTE, HOUR + 5 * MINUTE])
def test_a_clock_may_be_a_little_off(later: timedelta) -> None:
    read(build(), now=NOW + later)


@pytest.mark.parametrize("later", [-6 * MINUTE, HOUR + 6 * MINUTE])
def test_an_answer_of_another_time_is_refused(later: timedelta) -> None:
    with pytest.raises(IntegrityFailure, match="not of this time"):
        read(build(), now=NOW + later)


def test_the_nonce_has_to_come_back() -> None:
    read(build(nonce=b"mine"), nonce=b"mine")
    for der in (build(nonce=b"yours"), build()):
        with pytest.raises(IntegrityFailure, match="nonce"):
            read(der, nonce=b"mine")


def test_an_answer_about_another_is_refused() -> None:
    for other in (asked(7), asked(digest="sha256")):
        with pytest.raises(IntegrityFailure, match="another certificate"):
            read(build(asked=other))


def test_a_signature_by_another_key_is_refused() -> None:
    with pytest.raises(IntegrityFailure, match="signature does not hold"):
        read(build(key=software.generate("p-256")))


def test_an_answer_that_was_touched_is_refused() -> None:
    der = build(nonce=b"n" * 32)
    with pytest.raises(IntegrityFailure, match="signature does not hold"):
        read(der.replace(b"n" * 32, b"m" * 32))


def test_a_responder_of_another_issuer_is_refused() -> None:
    with pytest.raises(IntegrityFailure):
        read(build(responder=leaf("p-256", "p-256"), key=key("p-256")))


def test_a_certificate_that_is_no_responders_is_refused() -> None:
    """A device of the same issuer, for all that it can sign."""
    ca = ca_certificate("p-256")
    der = build(responder=leaf("p-256", "p-256"), key=key("p-256"))
    with pytest.raises(IntegrityFailure, match="has delegated"):
        read_answer(der, asked(), ca, nonce=None, now=NOW)


def test_a_responder_that_has_ended_is_refused() -> None:
    late = responder().certificate.not_after
    der = build(this_update=late, next_update=late + HOUR)
    with pytest.raises(IntegrityFailure, match="not valid now"):
        read(der, now=late)


@pytest.mark.parametrize("status", [each for each in ResponseStatus if each])
def test_an_error_is_told_by_its_name(status: ResponseStatus) -> None:
    kind = DependencyError if status is ResponseStatus.TRY_LATER else RequestError
    with pytest.raises(kind, match="the responder says"):
        read(build_error(status))


@pytest.mark.parametrize("junk", [b"", b"<html>", b"\x30\x00"])
def test_what_is_no_response_is_malformed(junk: bytes) -> None:
    with pytest.raises(MalformedMessage):
        read(junk)
