"""What Azure's errors mean here. Service messages stay out: they quote requests, and requests hold personal
data."""

from __future__ import annotations

import re
from collections.abc import Mapping

from azure.core.exceptions import AzureError, HttpResponseError

from shared.errors import Conflict, IssuanceFault, PKIError, StoreUnavailable

_SOMEBODY_WAS_FIRST = {"EntityAlreadyExists", "BlobAlreadyExists", "ResourceAlreadyExists"}
_SOMEBODY_CHANGED_IT = {"UpdateConditionNotSatisfied", "ConditionNotMet", "TargetConditionNotMet"}
_NOT_THERE = {"ResourceNotFound", "EntityNotFound", "BlobNotFound"}
_RETRY_AFTER = 10
_LONGEST_RETRY_AFTER = 600

# Table inserts carry the code in the body only, in the text of the error.
_CODE_IN_BODY = re.compile(r'"code"\s*:\s*"(\w+)"').search


def translate(error: AzureError, act: str) -> PKIError:
    """The error to raise for `error` in `act` (a port's method): Conflict when somebody was first,
    IssuanceFault when storage calls the request wrong, else StoreUnavailable (a missing table or a refused
    identity included: operators put those right, and nobody must read them as "no such certificate")."""
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        return StoreUnavailable(f"{act}: storage cannot be reached ({type(error).__name__})")
    code = code_of(error)
    told = f"{act}: storage says {error.status_code} {code}".rstrip()
    if code in _SOMEBODY_WAS_FIRST or code in _SOMEBODY_CHANGED_IT:
        return Conflict(told)
    if error.status_code in (400, 405, 411, 413, 414, 415, 431):
        return IssuanceFault(told)
    return StoreUnavailable(told, retry_after=_retry_after(error))


def is_missing(error: HttpResponseError) -> bool:
    """Whether the row or blob itself is missing, and not its table or container."""
    return error.status_code == 404 and code_of(error) in _NOT_THERE


def code_of(error: HttpResponseError) -> str:
    """Storage's own error code, such as EntityAlreadyExists; empty if there is none."""
    code = getattr(error, "error_code", None)
    if code is None:
        code = _headers(error).get("x-ms-error-code")
    if code is None and (found := _CODE_IN_BODY(str(error))):
        code = found[1]
    return str(getattr(code, "value", code) or "")


def _retry_after(error: HttpResponseError) -> int:
    stated = _headers(error).get("Retry-After", "")
    return min(max(int(stated), 1), _LONGEST_RETRY_AFTER) if stated.isdecimal() else _RETRY_AFTER


def _headers(error: HttpResponseError) -> Mapping[str, str]:
    return getattr(error.response, "headers", {})
