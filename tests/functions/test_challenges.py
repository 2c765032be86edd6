"""`POST /challenges`: known callers, their profiles and rates, and answers that name no secret."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import pytest

from functions import challenges
from shared.scep.message import PKIStatus
from tests.functions.application import AZURE, MemoryApplication, body, call, request, text
from tests.scep.authority import CALLER_SECRET, csr, self_signed

ORDER = {"profile": "device", "subject": "CN=dev1,O=Example", "device": "dev1"}
BEARER = {"Authorization": f"Bearer {CALLER_SECRET}"}


def mint(order: Any = ORDER, headers: dict[str, str] | None = None) -> func.HttpResponse:
    data = order if isinstance(order, bytes) else json.dumps(order).encode()
    return call(
        challenges.challenges,
        request("POST", "/challenges", headers=BEARER if headers is None else headers, body=data),
    )


def test_a_minted_challenge_enrols_its_device(app: MemoryApplication) -> None:
    response = mint()
    assert (response.status_code, response.headers["Cache-Control"]) == (201, "no-store")
    minted = body(response)
    assert minted.keys() == {"challenge", "id", "expires_at"}
    app.world.service = app.scep
    reply = app.world.send(csr(challenge=minted["challenge"]), self_signed())
    assert reply.status is PKIStatus.SUCCESS
    (record,) = app.store.records(app.issuer.id)
    assert (record.identity, record.vouched_by) == (minted["id"], "sealed:tests")


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_compared_without_case(app: MemoryApplication, scheme: str) -> None:
    assert mint(headers={"authorization": f"{scheme} {CALLER_SECRET}"}).status_code == 201


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong-secret-of-somebody",
        f"Basic {CALLER_SECRET}",
        CALLER_SECRET,
        f"Bearer {CALLER_SECRET}x",
        f"Bearer  {CALLER_SECRET}",
        "Bearer \udcff",
    ],
)
def test_who_is_not_known_gets_nothing(app: MemoryApplication, header: str | None) -> None:
    response = mint(headers={} if header is None else {"Authorization": header})
    assert response.status_code == 403
    assert CALLER_SECRET not in text(response)


@pytest.mark.parametrize(
    ("order", "status", "says"),
    [
        (b"", 400, "The order"),
        (b"{", 400, "The order"),
        (b"[]", 400, "The order"),
        ({**ORDER, "colour": "red"}, 400, "colour"),
        ({**ORDER, "device": 7}, 400, "device"),
        ({"profile": "device"}, 400, "subject"),
        (b" " * 40_000, 400, "too large"),
        ({**ORDER, "profile": "static"}, 403, "profile"),
        ({**ORDER, "profile": "nobody"}, 403, "profile"),
        ({**ORDER, "subject": "CN=dev1,O=Elsewhere"}, 403, "O"),
        ({**ORDER, "sans": ["dns:dev1.example.com"]}, 403, "order"),
        ({**ORDER, "validity_days": 9999}, 403, "validity_days"),
    ],
)
def test_a_wrong_order_is_told_which_part_is_wrong(
    app: MemoryApplication, order: Any, status: int, says: str
) -> None:
    response = mint(order)
    assert response.status_code == status
    assert says in text(response)


def test_a_caller_that_hurries_is_told_when_to_come_again(app: MemoryApplication) -> None:
    app.policy = app.policy.replace("100000/minute", "2/minute")
    assert [mint().status_code for _ in range(3)] == [201, 201, 429]
    assert 1 <= int(mint().headers["Retry-After"]) <= 60


@pytest.mark.parametrize("headers", [{}, {"x-forwarded-proto": "http"}])
def test_in_azure_a_secret_over_plain_http_is_not_even_looked_at(
    azure_app: MemoryApplication, headers: dict[str, str]
) -> None:
    response = mint(headers={**BEARER, **headers})
    assert (response.status_code, text(response)) == (403, "Use https for this address.\n")
    assert azure_app.environment == AZURE
    assert mint(headers={**BEARER, "X-Forwarded-Proto": "https"}).status_code == 201
