"""What Intune's revocation queue holds and what it is told of it; pure. The calls are the client's."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from shared.x509.serial import serial_text

_DRESS: Final = re.compile(r"[\s:.,_-]+")
_NUMBER: Final = re.compile(r"(?:0x)?([0-9a-f]{1,80})")


class RevocationError(StrEnum):
    """Why a request was not carried out, by the names the service knows. From Retryable... on it asks again."""

    NONE = "None"
    NON_RETRYABLE_SERVICE = "NonRetryableServiceException"
    DATA_SERIALIZATION = "DataSerializationError"
    PARAMETER_DATA_INVALID = "ParameterDataInvalidError"
    CRYPTOGRAPHY = "CryptographyError"
    CERTIFICATE_NOT_FOUND = "CertificateNotFoundError"
    CONFLICT = "ConflictError"
    NOT_SUPPORTED = "NotSupportedError"
    PAYLOAD_TOO_LARGE = "PayloadTooLargeError"
    RETRYABLE_SERVICE = "RetryableServiceException"
    SERVICE_UNAVAILABLE = "ServiceUnavailableException"
    SERVICE_TOO_BUSY = "ServiceTooBusyException"
    AUTHENTICATION = "AuthenticationException"


@dataclass(frozen=True, slots=True)
class RevocationRequest:
    """One item of the queue. `context` is opaque and goes back as it came; `serial` is what was reported at issuance,
    in whatever form; `issuer` and `configuration` are empty if Intune says nothing."""

    context: str
    serial: str
    issuer: str = ""
    configuration: str = ""


@dataclass(frozen=True, slots=True)
class RevocationResult:
    """What became of an item. ValueError for a success with an error, or without one for a failure."""

    context: str
    error: RevocationError = RevocationError.NONE
    message: str = ""

    def __post_init__(self) -> None:
        if not self.context:
            raise ValueError("a result names the request it belongs to")
        if self.message and self.error is RevocationError.NONE:
            raise ValueError("a success has no message")

    @property
    def succeeded(self) -> bool:
        """Whether the certificate is revoked."""
        return self.error is RevocationError.NONE

    def document(self) -> dict[str, Any]:
        """As the service reads it."""
        return {
            "requestContext": self.context,
            "succeeded": self.succeeded,
            "errorCode": self.error.value,
            "errorMessage": self.message or None,
        }


def serial_of(text: str) -> str:
    """A serial number as the record has it, whatever was made of it on its way: separators, `0x`, capitals, leading
    zeros. Empty if it is none."""
    found = _NUMBER.fullmatch(_DRESS.sub("", text.lower()))
    return serial_text(int(found[1], 16)) if found else ""


def requests_in(document: Mapping[str, Any]) -> tuple[RevocationRequest, ...] | None:
    """The requests in an answer, None if it is no list of such."""
    items = document.get("value")
    if not isinstance(items, list):
        return None
    found = [_request(item) for item in items]
    return None if None in found else tuple(each for each in found if each is not None)


def _request(item: object) -> RevocationRequest | None:
    if not isinstance(item, Mapping):
        return None
    context, serial = item.get("requestContext"), item.get("serialNumber")
    if not (isinstance(context, str) and context and isinstance(serial, str) and serial):
        return None
    return RevocationRequest(
        context, serial, str(item.get("issuerName") or ""), str(item.get("caConfiguration") or "")
    )
