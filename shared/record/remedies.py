"""What an administrator would change so that the next attempt ends otherwise, where that is known.

Reasons of errors are read here and nowhere else; a test looks for each of these in the code, so that none goes stale.
"""

from __future__ import annotations

import re
from typing import Final

from shared.store.traces import Trace

_ORDER: Final = "order a new challenge for the device (POST /challenges, manage.py challenge mint)"
_STATIC: Final = "of the [[static_challenges]] entry in the profiles file"

_PROFILE: Final = "the SCEP profile in Intune, or what the device makes of it"
_CHALLENGE: Final = (
    "the SCEP URL: each tenant has a profile of its own; then let Intune send the device a new challenge"
)
_RETRY: Final = "nothing: Intune gives the device a new challenge at its next check-in"


def _code(*codes: str) -> str:
    return f"^(?:Intune: )?(?:{'|'.join(codes)})"


# fmt: off
REMEDIES: Final = (
    # Name of the error, what its reason has in it, what to change. The first that fits is told.
    ("LateChallenge", "^static", f"`expires` {_STATIC}"),
    ("LateChallenge", "^Intune: ", _RETRY),
    ("LateChallenge", "^sealed", f"{_ORDER}; how long it lives: `challenge_lifetime` of the profile"),
    ("ChallengeRejected", "^static challenge: none",
     "the secret on the device, or the setting SCEPTER_STATIC_CHALLENGES__<NAME>"),
    ("ChallengeRejected", "uses are taken", f"`max_uses` {_STATIC}"),
    ("ChallengeRejected", "not ours, or altered",
     f"{_ORDER}; former keys stay in SCEPTER_CHALLENGE_KEYS until their last challenge has ended"),
    ("ChallengeRejected", "^sealed challenge", f"what the device was given is no challenge of ours: {_ORDER}"),
    ("ChallengeRejected", "made for another profile", "the SCEP URL on the device, or `profile` of the order"),
    ("ChallengeRejected", ": promised .*, found ",
     "the order of the challenge, or what the device is told to ask for: they must be the same"),
    ("ChallengeRejected", "^replay: identity", f"the challenge belongs to another key already: {_ORDER}"),
    ("ChallengeRejected", "is older than 24 h|^claimed too long ago", f"the challenge was used before: {_ORDER}"),
    ("ChallengeRejected", "of this request is ", f"the certificate of this challenge was revoked: {_ORDER}"),
    ("ChallengeRejected", "^no challenge",
     "a challenge in the request; or its live certificate as signer, if the profile has `certificate_only_renewal`"),
    ("ChallengeRejected", "has no validator", "`challenge` of the profile"),
    ("ChallengeRejected", "and never acknowledged", _RETRY),
    ("PolicyViolation", "does not renew by certificate",
     "`certificate_only_renewal` of the profile, or a challenge in the request"),
    ("PolicyViolation", "^renewal window", "`renewal_window` of the profile, or time"),
    ("PolicyViolation", "certificate is of profile", "the SCEP URL on the device: it renews under its own profile"),
    ("PolicyViolation", "certificate being renewed", "a challenge in the request: other names are a first enrolment"),
    ("PolicyViolation", "was denied by", "the administrator who denied it; then a new enrolment"),
    ("PolicyViolation", "security identifier", "`strong_mapping` of the profile"),
    ("PolicyViolation", "may be named here", f"`subject` and `san` {_STATIC}"),
    ("PolicyViolation", "^The profile is not allowed here", f"`profiles` {_STATIC}"),
    ("PolicyViolation", "^The subject attribute|names nobody",
     "`subject` of the profile, or the subject that the device is told to ask for"),
    ("PolicyViolation", r"\bSANs?\b", "`san` of the profile, or the names that the device is told to ask for"),
    ("PolicyViolation", "extended key usage",
     "`extended_key_usage` of the profile, or what the device is told to ask for"),
    ("PolicyViolation", "usage", "`key_usage` of the profile, or what the device is told to ask for"),
    ("AlgorithmRefused", " legacy ", "`legacy_algorithms` of the profile; better: a newer client on the device"),
    ("AlgorithmRefused", "can be sealed to", "the key that the device makes: its reply is sealed to it"),
    ("AlgorithmRefused", "RSA key of [0-9]+ bits|EC key|public key of type",
     "`key` of the profile, or the key that the device makes"),
    ("UnknownCertificate", "^poll: ", "a new enrolment; how long a request waits: `approval_days` of the profile"),
    ("UnknownCertificate", "^signer ", "the device's certificate is gone: a challenge, as for a first enrolment"),
    ("IntegrityFailure", "addressed to none", "an old RA certificate on the device: let it ask for GetCACert again"),
    ("IntuneRejection", _code("SubjectNameMissing", "SubjectNameMismatch"),
     f"the subject in {_PROFILE}: values with a comma, plus, equals or semicolon go between double quotes"),
    ("IntuneRejection", _code("SubjectAltNameMissing", "SubjectAltNameMismatch"),
     f"the subject alternative names in {_PROFILE}"),
    ("IntuneRejection", _code("KeyUsageMismatch", "EnhancedKeyUsageMissing", "EnhancedKeyUsageMismatch"),
     f"key usage and extended key usage in {_PROFILE}"),
    ("IntuneRejection", _code("KeyLengthMismatch"), f"the key size in {_PROFILE}"),
    ("IntuneRejection", _code("ScepProfileNoLongerTargetedToTheClient"),
     "the assignment of the SCEP profile in Intune, if that was not meant"),
    ("IntuneRejection", _code("RegisteredKeyMismatch", "AadKeyIdentifierListMissing"),
     "the device's registration in Entra: the request has to be made with a key that was registered there"),
    ("IntuneRejection", _code("Unknown"), "see what Intune says; a newer version of Scepter may know the code"),
    ("IntuneRejection", _code("ChallengePasswordMissing", "CertificateRequestDecodingFailed"),
     "the device's SCEP client: it has to send its challenge, in a request that Intune can read"),
    ("IntuneRejection", _code("ChallengeExpired", "ChallengeInvalidTimestamp", "BadCertificateRequestIdInChallenge",
                              "BadDeviceIdInChallenge", "BadUserIdInChallenge"), _RETRY),
    ("IntuneRejection", _code("Challenge", "SignatureValidationFailed", "SigningCertThumbprintMismatch"), _CHALLENGE),
    ("NotReleased", "", "Intune did not take the notification: its health; the device's next attempt gets a new one"),
    ("CallRefused", "", "the SCEP or revocation API version in the settings SCEPTER_INTUNE__<NAME>__...; or report it"),
    ("PermissionMissing", "",
     "the permission that is named, with consent: manage.py intune grant; a managed identity has it within a day"),
    ("IntuneUnavailable", "^no token from Entra",
     "the settings SCEPTER_INTUNE__<NAME>__...: tenant, client id, secret or certificate and their last day; or Entra"),
    ("IntuneUnavailable", "may not read it", "the identity's permission Application.Read.All of Graph, with consent"),
    ("IntuneUnavailable", "lacks the role", "the identity's role scep_challenge_provider of Intune, with consent"),
    ("IntuneUnavailable", "has no service|no Intune service principal",
     "Intune in the tenant: its licence, and the identity's role scep_challenge_provider"),
    ("IntuneUnavailable", "client certificate", "the setting SCEPTER_INTUNE__<NAME>__CLIENT_CERTIFICATE"),
    ("IntuneUnavailable", "", "Intune, Graph or Entra: their health, and the app's way to them"),
    ("Unserved", "", "Intune: its health, and the app's way to it"),
    ("StoreUnavailable", "", "storage: its health, its network rules, and the roles of the app's identity"),
    ("KeyUnavailable", "", "the key that the cause names, or the vault that holds it"),
    ("Conflict", "", "nothing: the device's next attempt is served"),
    ("IssuanceFault", "", "a fault of Scepter's or of its storage, not of the device's: please report it"),
)
# fmt: on


def remedy(trace: Trace) -> str:
    """The setting, profile field or act that changes how `trace` ended; empty if it went well or none is known."""
    if trace.status == "PENDING":
        return "an administrator's decision: manage.py request approve or deny"
    return advice(trace.error, trace.cause)


def advice(error: str, cause: str) -> str:
    """The same for an error by the name of its class and its reason."""
    return next((what for name, words, what in REMEDIES if name == error and re.search(words, cause)), "")
