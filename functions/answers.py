"""Errors to HTTP, once for every trigger: precise in the log, silent about internals to strangers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping

import azure.functions as func

from shared.errors import (
    ChallengeRejected,
    Conflict,
    DependencyError,
    IdReused,
    PKIError,
    PolicyViolation,
    RateExceeded,
    RequestError,
    UnknownCertificate,
)

log = logging.getLogger("scepter.http")

_RETRY_AFTER_CONFLICT = 5
_STATUS: Mapping[type[PKIError], int] = {
    ChallengeRejected: 403,
    PolicyViolation: 403,
    IdReused: 409,
    RateExceeded: 429,
    UnknownCertificate: 404,
    RequestError: 400,
    DependencyError: 503,
    Conflict: 503,
}


def answer(call: Callable[[], func.HttpResponse]) -> func.HttpResponse:
    """What `call` answers, or the answer to what it raised. Never lets an exception reach the host."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001 - it is in the log
        return failure(error)


def failure(error: Exception) -> func.HttpResponse:
    """The answer to any error; one that is not ours tells a stranger nothing."""
    if isinstance(error, PKIError):
        return refusal(error)
    log.error("unexpected failure", exc_info=error)
    return text(500, "Internal error.")


def refusal(error: PKIError) -> func.HttpResponse:
    """The response to an error of ours; the reason goes to the log, the public sentence to the asker."""
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 500)
    log.log(logging.ERROR if status >= 500 else logging.WARNING, "%s: %s", type(error).__name__, error.reason)
    headers = {"Cache-Control": "no-store"}
    if isinstance(error, DependencyError | RateExceeded):
        headers["Retry-After"] = str(error.retry_after)
    elif isinstance(error, Conflict):
        headers["Retry-After"] = str(_RETRY_AFTER_CONFLICT)
    return text(status, error.public, headers)


def text(status: int, body: str, headers: Mapping[str, str] | None = None) -> func.HttpResponse:
    """A plain text answer."""
    return func.HttpResponse(
        body + "\n", status_code=status, headers=dict(headers or {}), mimetype="text/plain"
    )


def document(status: int, body: object) -> func.HttpResponse:
    """A JSON answer that nobody caches."""
    return func.HttpResponse(
        json.dumps(body, default=str),
        status_code=status,
        headers={"Cache-Control": "no-store"},
        mimetype="application/json",
    )


def binary(body: bytes, media_type: str, cache: str = "no-store") -> func.HttpResponse:
    """A binary answer."""
    return func.HttpResponse(body, headers={"Cache-Control": cache}, mimetype=media_type)
