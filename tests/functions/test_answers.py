"""Every error of the tree, translated: the status a stranger sees, and what it must not see."""

from __future__ import annotations

import logging

import azure.functions as func
import pytest

from functions.answers import answer, document, refusal, text
from shared import errors
from shared.errors import PKIError
from shared.scep.exchange import fail_info
from shared.scep.message import FailInfo
from shared.scep.ports import LateChallenge, Vouching

# Each leaf: HTTP status, Retry-After, failInfo where SCEP has an answer for it.
TABLE: dict[type[PKIError], tuple[int, str | None, FailInfo | None]] = {
    errors.MalformedMessage: (400, None, FailInfo.BAD_REQUEST),
    errors.IntegrityFailure: (400, None, FailInfo.BAD_MESSAGE_CHECK),
    errors.AlgorithmRefused: (400, None, FailInfo.BAD_ALG),
    errors.ChallengeRejected: (403, None, FailInfo.BAD_REQUEST),
    errors.PolicyViolation: (403, None, FailInfo.BAD_REQUEST),
    errors.UnknownCertificate: (404, None, FailInfo.BAD_CERT_ID),
    errors.IdReused: (409, None, FailInfo.BAD_REQUEST),
    errors.RateExceeded: (429, "10", FailInfo.BAD_REQUEST),
    errors.KeyUnavailable: (503, "10", None),
    errors.StoreUnavailable: (503, "10", None),
    errors.IntuneUnavailable: (503, "10", None),
    errors.Overloaded: (503, "10", None),
    errors.Conflict: (503, "5", None),
    errors.IssuanceFault: (500, None, None),
}
REASON = "vault scepter-kv answered 403 for key ca-1, challenge hunter2"


def leaves(kind: type[PKIError] = PKIError) -> list[type[PKIError]]:
    """The leaves of shared/errors.py; errors that other modules derive from them do not count."""
    children = [child for child in kind.__subclasses__() if child.__module__ == errors.__name__]
    return [leaf for child in children for leaf in leaves(child)] or [kind]


def told(response: func.HttpResponse) -> str:
    """All that travels to the asker."""
    return response.get_body().decode() + str(dict(response.headers))


def test_the_table_has_every_leaf() -> None:
    assert set(TABLE) == set(leaves())


@pytest.mark.parametrize("kind", leaves())
def test_a_leaf_has_its_status_and_tells_only_the_public_sentence(
    kind: type[PKIError], caplog: pytest.LogCaptureFixture
) -> None:
    status, retry_after, _ = TABLE[kind]
    with caplog.at_level(logging.INFO):
        response = refusal(kind(REASON))
    assert response.status_code == status
    assert response.headers.get("Retry-After") == retry_after
    assert response.headers["Cache-Control"] == "no-store"
    assert response.get_body().decode() == f"{kind.public}\n"
    assert (REASON in told(response), "hunter2" in told(response)) == (False, False)
    (record,) = caplog.records
    assert record.getMessage() == f"{kind.__name__}: {REASON}"
    assert record.levelno == (logging.ERROR if status >= 500 else logging.WARNING)


@pytest.mark.parametrize("kind", leaves())
def test_a_leaf_that_says_more_says_it(kind: type[PKIError]) -> None:
    response = refusal(kind(REASON, public="The key usage keyAgreement is not allowed."))
    assert response.get_body() == b"The key usage keyAgreement is not allowed.\n"


@pytest.mark.parametrize("kind", [kind for kind in leaves() if issubclass(kind, errors.RequestError)])
def test_a_wrong_request_has_its_fail_info_in_scep(kind: type[errors.RequestError]) -> None:
    assert fail_info(kind(REASON)) is TABLE[kind][2]


@pytest.mark.parametrize("kind", [errors.KeyUnavailable, errors.StoreUnavailable, errors.RateExceeded])
def test_who_knows_when_to_come_again_says_so(kind: type[errors.DependencyError]) -> None:
    assert refusal(kind(REASON, retry_after=77)).headers["Retry-After"] == "77"


def test_an_error_derived_elsewhere_is_told_as_its_parent() -> None:
    late = LateChallenge(REASON, Vouching("identity", "sealed:tests"))
    response = refusal(late)
    assert (response.status_code, response.get_body()) == (403, b"The challenge has expired.\n")
    assert fail_info(late) is FailInfo.BAD_REQUEST


def test_an_error_of_no_known_kind_is_ours() -> None:
    assert refusal(PKIError(REASON)).status_code == 500


@pytest.mark.parametrize("error", [ValueError(REASON), KeyError("hunter2"), RecursionError(REASON)])
def test_an_unexpected_error_is_logged_whole_and_told_not_at_all(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> func.HttpResponse:
        raise error

    response = answer(fail)
    assert (response.status_code, response.get_body()) == (500, b"Internal error.\n")
    assert "hunter2" not in told(response)
    assert "Traceback" in caplog.text
    assert "hunter2" in caplog.text


def test_an_error_of_ours_is_answered_and_an_answer_passes() -> None:
    def refuse() -> func.HttpResponse:
        raise errors.UnknownCertificate(REASON)

    assert answer(refuse).status_code == 404
    assert answer(lambda: text(200, "yes")).get_body() == b"yes\n"


def test_a_worker_that_ends_is_not_held_up() -> None:
    def leave() -> func.HttpResponse:
        raise SystemExit

    with pytest.raises(SystemExit):
        answer(leave)


def test_documents_are_json_that_nobody_keeps() -> None:
    response = document(201, {"id": 1})
    assert (response.status_code, response.mimetype) == (201, "application/json")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.get_body() == b'{"id": 1}'
