"""A request against the promise of its sealed challenge, point by point; the public text names the point."""

from __future__ import annotations

from shared.errors import AlgorithmRefused, ChallengeRejected
from shared.policy.alternative_names import san_from_text
from shared.policy.authorization import Grant
from shared.policy.public_key import KeyPolicy
from shared.scep.challenges.promise import ChallengePromise
from shared.scep.ports import EnrollmentAttempt
from shared.x509.general_names import same_names
from shared.x509.names import Name
from shared.x509.request import CertificateRequest


def check_promise(promise: ChallengePromise, attempt: EnrollmentAttempt) -> None:
    """Raises ChallengeRejected at the first point that is not as promised.

    PolicyViolation or AlgorithmRefused if the profile itself does not allow the request.
    """
    request, profile = attempt.request, attempt.profile
    if promise.profile != profile.name:
        raise _mismatch("The challenge was made for another profile", promise.profile, profile.name)
    _check_subject(promise, request.subject)
    _check_sans(promise, request)
    _check_key(promise, request)
    _check_usages(promise, attempt.grant)


def _check_subject(promise: ChallengePromise, subject: Name) -> None:
    if subject.text() == promise.subject:
        return  # most are written as we write them; what has another text may still mean the same
    expected = Name.from_text(promise.subject)
    if subject.same_as(expected):
        return
    turned = sorted(expected.meaning()) == sorted(subject.meaning())
    hint = " (the same parts in another order)" if turned else ""
    raise _mismatch(
        "The subject is not the one the challenge was made for", promise.subject, subject.text() + hint
    )


def _check_sans(promise: ChallengePromise, request: CertificateRequest) -> None:
    found = tuple(name.text() for name in request.sans)
    if found == promise.sans:
        return
    if not same_names(request.sans, [san_from_text(text) for text in promise.sans]):
        raise _mismatch("The SANs are not those the challenge was made for", list(promise.sans), list(found))


def _check_key(promise: ChallengePromise, request: CertificateRequest) -> None:
    if promise.key is None:
        return
    try:
        KeyPolicy(promise.key).check(request.public_key)
    except AlgorithmRefused as error:
        raise _mismatch(
            "The key is not of the kind the challenge was made for", promise.key, error.reason
        ) from None


def _check_usages(promise: ChallengePromise, grant: Grant) -> None:
    # Compared is what would be certified: a request that asks for nothing gets the profile's default.
    if promise.key_usage is not None and not grant.key_usage <= set(promise.key_usage):
        raise _mismatch("The key usage exceeds the challenge", promise.key_usage, sorted(grant.key_usage))
    purposes = promise.extended_key_usage
    if purposes is not None and not set(grant.extended_key_usage) <= set(purposes):
        raise _mismatch("The extended key usage exceeds the challenge", purposes, grant.extended_key_usage)


def _mismatch(point: str, expected: object, found: object) -> ChallengeRejected:
    """`point` may be read by the device; what was expected and found goes to the log only."""
    return ChallengeRejected(f"{point}: promised {expected!r}, found {found!r}", public=f"{point}.")
