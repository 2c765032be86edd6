"""Every result code of Intune through the SCEP endpoint: what the device hears, and what the log and the trace say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from fakes.microsoft import Code
from shared.intune.verdicts import VERDICTS, Outcome
from shared.record.remedies import remedy
from shared.record.timeline import TransactionTimeline
from shared.scep.message import FailInfo, PKIStatus
from tests.intune.scene import SUBJECT, Scene, device_uri
from tests.scep.authority import NOW, csr, key, self_signed

REFUSALS = [code for code in VERDICTS if code != "Success"]
FAIL_INFO = {
    "CertificateRequestDecodingFailed": FailInfo.BAD_MESSAGE_CHECK,
    "KeyLengthMismatch": FailInfo.BAD_ALG,
}
# What is wrong inside the challenge is nobody's business but Intune's and ours.
INSIDE = (
    *("Unknown", "ChallengeDeserializationError", "ChallengeDecryptionError", "ChallengeDecodingError"),
    *("ChallengeInvalidTimestamp", "AadKeyIdentifierListMissing", "SigningCertThumbprintMismatch"),
    *("SignatureValidationFailed", "BadCertificateRequestIdInChallenge", "BadDeviceIdInChallenge"),
    "BadUserIdInChallenge",
)


def test_the_codes_are_those_of_microsofts_library() -> None:
    assert len(VERDICTS) == 25
    assert [verdict.code for verdict in VERDICTS.values()] == list(VERDICTS)
    assert len({verdict.meaning for verdict in VERDICTS.values()}) == 25


@pytest.mark.parametrize("code", REFUSALS)
def test_each_code_is_a_refusal_of_its_own(scene: Scene, code: str, caplog: pytest.LogCaptureFixture) -> None:
    scene.fake.script("validateRequest", Code(code, "the reason that Intune gives"))
    reply = scene.device().ask()
    assert (reply.status, reply.fail_info) == (PKIStatus.FAILURE, FAIL_INFO.get(code, FailInfo.BAD_REQUEST))
    assert reply.fail_text == VERDICTS[code].public
    assert code not in reply.fail_text
    assert f"Intune: {code}: {VERDICTS[code].meaning}" in caplog.text
    assert "'the reason that Intune gives'" in caplog.text
    assert (scene.records, scene.fake.acts("successNotification", "failureNotification")) == ([], [])


@pytest.mark.parametrize("code", REFUSALS)
def test_the_trace_has_the_code_and_what_would_change_it(scene: Scene, code: str) -> None:
    scene.fake.script("validateRequest", Code(code))
    device = scene.device()
    timeline = TransactionTimeline(NOW, profile="intune", source="198.51.100.7", agent="test")
    profile = scene.app.profiles.profiles["intune"]
    scene.app.scep.pki_operation(device.der, profile, now=NOW, timeline=timeline)
    trace = timeline.finish()
    assert trace is not None
    assert code in trace.cause
    assert [step.outcome for step in trace.steps if step.name == "challenge"] != ["ok"]
    assert remedy(trace) != ""


def test_forgeries_cannot_be_told_apart() -> None:
    assert {(VERDICTS[code].public, VERDICTS[code].fail_info) for code in INSIDE} == {
        ("The challenge was not accepted.", FailInfo.BAD_REQUEST)
    }


@pytest.mark.parametrize("code", ["success", "SUCCESS", "Success ", "", "Fine", "1", "x" * 9000, "a\nb\x00"])
def test_whatever_is_not_success_is_a_refusal(
    scene: Scene, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    scene.fake.script("validateRequest", Code(code))
    reply = scene.device().ask()
    assert (reply.status, reply.fail_text) == (PKIStatus.FAILURE, "The challenge was not accepted.")
    assert "Intune: Unknown (" in caplog.text
    assert max(len(record.getMessage()) for record in caplog.records) < 1000
    assert "\x00" not in caplog.text
    assert scene.records == []


def csr_of(number: int = 0, *extensions: x509.ExtensionType, challenge: str) -> bytes:
    builder = x509.CertificateSigningRequestBuilder(x509.Name.from_rfc4514_string(SUBJECT))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    oid = x509.ObjectIdentifier("1.2.840.113549.1.9.7")
    signed = builder.add_attribute(oid, challenge.encode()).sign(key(number), hashes.SHA256())
    return signed.public_bytes(Encoding.DER)


OTHER_KEY = Fernet.generate_key()
CLIENT_AUTH, SERVER_AUTH = "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.1"
PURPOSES = x509.ExtendedKeyUsage([x509.ObjectIdentifier(CLIENT_AUTH)])
# What is wished for in the challenge, and what comes of it.
WISHES: list[tuple[str, dict[str, Any]]] = [
    ("SubjectNameMismatch", {"subject": "CN=dev2,O=Example"}),
    ("SubjectAltNameMissing", {"sans": ["dns:dev1.example.org"]}),
    ("KeyUsageMismatch", {"key_usage": ["digitalSignature"]}),
    ("KeyLengthMismatch", {"key_size": 4096}),
    ("EnhancedKeyUsageMissing", {"extended_key_usage": [CLIENT_AUTH]}),
    ("AadKeyIdentifierListMissing", {"registered_keys": None}),
    ("RegisteredKeyMismatch", {"registered_keys": ["ab" * 32]}),
    ("SigningCertThumbprintMismatch", {"signer": "00"}),
    ("BadCertificateRequestIdInChallenge", {"request": "unheard-of"}),
    ("BadDeviceIdInChallenge", {"device": "someone"}),
    ("BadUserIdInChallenge", {"user": "someone"}),
    ("ChallengeInvalidTimestamp", {"expires": "tomorrow"}),
    ("ChallengeExpired", {"expires": 1.0}),
]


def content(scene: Scene, **changes: Any) -> dict[str, Any]:
    """What is in a challenge, with changes."""
    minted = scene.challenge()
    document = json.loads(Fernet(scene.fake.scep.challenges.key).decrypt(minted))
    return {**json.loads(document["content"]), **changes}


def refused(scene: Scene, request: bytes, caplog: pytest.LogCaptureFixture, code: str) -> None:
    reply = scene.with_request(request, self_signed()).ask()
    assert (reply.status, reply.fail_text) == (PKIStatus.FAILURE, VERDICTS[code].public)
    assert f"Intune: {code}: " in caplog.text


@pytest.mark.parametrize(("code", "wish"), WISHES, ids=[code for code, _ in WISHES])
def test_what_is_not_as_the_challenge_says_is_refused(
    scene: Scene, code: str, wish: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    challenge = scene.fake.scep.challenges.seal(content(scene, **wish), 4096)
    refused(scene, csr(challenge=challenge), caplog, code)


def test_other_names_and_purposes_are_refused(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    seal = scene.fake.scep.challenges.seal
    sans = seal(content(scene, sans=["dns:dev2.example.org"]))
    refused(scene, csr(challenge=sans, sans=[device_uri()]), caplog, "SubjectAltNameMismatch")
    purposes = seal(content(scene, extended_key_usage=[SERVER_AUTH]))
    refused(scene, csr_of(0, PURPOSES, challenge=purposes), caplog, "EnhancedKeyUsageMismatch")


def test_forged_and_foreign_challenges_are_refused(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    challenges = scene.fake.scep.challenges
    forged = challenges.seal(content(scene), 4096, signing_key=b"another key")
    refused(scene, csr(challenge=forged), caplog, "SignatureValidationFailed")
    foreign = Fernet(OTHER_KEY).encrypt(b"{}").decode()
    refused(scene, csr(challenge=foreign), caplog, "ChallengeDecryptionError")
    shapeless = Fernet(challenges.key).encrypt(b"[]").decode()
    refused(scene, csr(challenge=shapeless), caplog, "ChallengeDeserializationError")
    refused(scene, csr(challenge="not a challenge"), caplog, "ChallengeDecodingError")


def test_a_profile_that_was_taken_away_is_refused(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    challenge = scene.challenge(request_id="request-x")
    scene.fake.scep.challenges.untargeted.add("request-x")
    refused(scene, csr(challenge=challenge), caplog, "ScepProfileNoLongerTargetedToTheClient")


def test_an_outcome_is_success_by_its_very_name_only() -> None:
    assert Outcome("Success").accepted
    assert not any(Outcome(code).accepted for code in ("success", "Success\n", "", "True"))
