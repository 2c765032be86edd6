"""HRESULTs (MS-ERREF 2.1) for failures of ours, as Intune's console shows them to administrators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from shared import errors

_E_UNEXPECTED: Final = 0x8000FFFF
_HRESULTS: Final[Mapping[type[errors.PKIError], int]] = {
    errors.PolicyViolation: 0x80094012,  # CERTSRV_E_TEMPLATE_DENIED
    errors.AlgorithmRefused: 0x80090008,  # NTE_BAD_ALGID
    errors.ChallengeRejected: 0x80070005,  # E_ACCESSDENIED
    errors.MalformedMessage: 0x8007000D,  # HRESULT_FROM_WIN32(ERROR_INVALID_DATA)
    errors.KeyUnavailable: 0x80090030,  # NTE_DEVICE_NOT_READY
    errors.StoreUnavailable: 0x80070015,  # HRESULT_FROM_WIN32(ERROR_NOT_READY)
    errors.Conflict: 0x800704D5,  # HRESULT_FROM_WIN32(ERROR_RETRY)
}


def hresult_of(error: Exception) -> int:
    """The value as Intune takes it: 32 bits, signed."""
    found = next((value for kind, value in _HRESULTS.items() if isinstance(error, kind)), _E_UNEXPECTED)
    return found - 2**32


def description_of(error: Exception) -> str:
    """What the administrator of the tenant reads; of an error that is not ours nothing but that there was one."""
    return error.reason if isinstance(error, errors.PKIError) else "Internal error"
