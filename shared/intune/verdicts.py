"""What Intune's SCEP service answers: the 25 result codes of its library, and what each means to device and
administrator.

The device learns which part of its request is wrong. Of what is wrong inside the challenge, which Intune has sealed
and signed, it learns nothing: those codes share one sentence and one failInfo, so that nobody can try out forgeries.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from shared.policy.refusal import quoted
from shared.scep.message import FailInfo
from shared.scep.ports import ChallengeRefused

SUCCESS: Final = "Success"
EXPIRED: Final = "ChallengeExpired"
_CHALLENGE: Final = "The challenge was not accepted."


@dataclass(frozen=True, slots=True)
class Verdict:
    """One code: what it means, for the log, and what the device is told."""

    code: str
    meaning: str
    public: str = _CHALLENGE
    fail_info: FailInfo = FailInfo.BAD_REQUEST


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer of the service. `code` is as received, whether it is known or not."""

    code: str
    description: str = ""

    @property
    def accepted(self) -> bool:
        """Whether it is exactly a success; whatever else it says is a refusal."""
        return self.code == SUCCESS

    @property
    def verdict(self) -> Verdict:
        """What the code means; of a code that nobody knows, that of Unknown."""
        return VERDICTS.get(self.code, VERDICTS["Unknown"])

    def reason(self) -> str:
        """For the log: the code, what it means, and what Intune says of it."""
        known = self.verdict.code == self.code
        code = self.code if known else f"Unknown ({quoted(self.code)})"
        said = f"; Intune says {quoted(self.description)}" if self.description else ""
        return f"{code}: {self.verdict.meaning}{said}"


class IntuneRejection(ChallengeRefused):
    """Intune does not allow the request."""

    def __init__(self, outcome: Outcome) -> None:
        verdict = outcome.verdict
        super().__init__(f"Intune: {outcome.reason()}", public=verdict.public, fail_info=verdict.fail_info)
        self.code = outcome.code


_ALL: Final = (
    Verdict("Unknown", "a code that this version does not know"),
    Verdict("Success", "accepted"),
    Verdict(
        "CertificateRequestDecodingFailed",
        "it cannot read the certificate request",
        "The certificate request could not be read.",
        FailInfo.BAD_MESSAGE_CHECK,
    ),
    Verdict(
        "ChallengePasswordMissing",
        "the certificate request carries no challenge",
        "The certificate request carries no challenge.",
    ),
    Verdict("ChallengeDeserializationError", "the challenge is not of the form that Intune makes"),
    Verdict("ChallengeDecryptionError", "the challenge was not made for this tenant, or was altered"),
    Verdict("ChallengeDecodingError", "the encoding of the challenge is broken"),
    Verdict("ChallengeInvalidTimestamp", "a time in the challenge is not one"),
    Verdict("ChallengeExpired", "the challenge has expired", "The challenge has expired."),
    Verdict("SubjectNameMissing", "the request has no subject", "The request has no subject."),
    Verdict(
        "SubjectNameMismatch",
        "the subject is not the one of the SCEP profile",
        "The subject is not the one the challenge was made for.",
    ),
    Verdict(
        "SubjectAltNameMissing",
        "the request has no subject alternative name",
        "The request has no subject alternative name.",
    ),
    Verdict(
        "SubjectAltNameMismatch",
        "the subject alternative names are not those of the SCEP profile",
        "The subject alternative names are not those the challenge was made for.",
    ),
    Verdict(
        "KeyUsageMismatch",
        "the key usage is not the one of the SCEP profile",
        "The key usage is not the one the challenge was made for.",
    ),
    Verdict(
        "KeyLengthMismatch",
        "the key is not as long as the SCEP profile says",
        "The length of the key is not the one the challenge was made for.",
        FailInfo.BAD_ALG,
    ),
    Verdict(
        "EnhancedKeyUsageMissing",
        "the request has no extended key usage",
        "The request has no extended key usage.",
    ),
    Verdict(
        "EnhancedKeyUsageMismatch",
        "the extended key usage is not the one of the SCEP profile",
        "The extended key usage is not the one the challenge was made for.",
    ),
    Verdict("AadKeyIdentifierListMissing", "no registered keys of the device are known to compare with"),
    Verdict(
        "RegisteredKeyMismatch",
        "the key is not one that is registered for the device",
        "The key is not one that is registered for the device.",
    ),
    Verdict("SigningCertThumbprintMismatch", "the challenge was signed by an unexpected certificate"),
    Verdict(
        "ScepProfileNoLongerTargetedToTheClient",
        "the SCEP profile is no longer assigned to the device or user",
        "The profile is no longer meant for this device.",
    ),
    Verdict("SignatureValidationFailed", "the signature of the challenge does not hold"),
    Verdict("BadCertificateRequestIdInChallenge", "the challenge names a wrong certificate request"),
    Verdict("BadDeviceIdInChallenge", "the challenge names a wrong device"),
    Verdict("BadUserIdInChallenge", "the challenge names a wrong user"),
)
VERDICTS: Final[Mapping[str, Verdict]] = MappingProxyType({verdict.code: verdict for verdict in _ALL})
