"""The management API of the CAs: their parts, what lives of each, and the end of one that is lost."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import azure.functions as func
import pytest

from functions import authorities
from shared.ca.issuer import issuer_id
from shared.ca.turns import take_over
from shared.store.ports import CertificateRecord, Status
from tests.ca.homes import MemoryHome
from tests.ca.houses import issuing, key, root
from tests.functions.application import MANAGEMENT_KEY, MemoryApplication, body, call, issue, request, text
from tests.scep.authority import NOW

KEY = {"x-scepter-key": MANAGEMENT_KEY}
NEXT = issuing("Next")
WRONG = [b"[]", b'{"most": 0}', b'{"most": 201}', b'{"after": "zz"}', b'{"reason": 7}', b'{"more": 1}']


def listed(headers: dict[str, str] = KEY) -> func.HttpResponse:
    return call(authorities.list_authorities, request("GET", "/manage/authorities", headers=headers))


def live(issuer: str = "", headers: dict[str, str] = KEY, **query: str) -> func.HttpResponse:
    path = f"/manage/authorities/{issuer}/live?" + "&".join(
        f"{name}={value}" for name, value in query.items()
    )
    asked = request("GET", path, headers=headers, route={"issuer": issuer})
    return call(authorities.list_live, asked)


def revoke(issuer: str = "", headers: dict[str, str] = KEY, content: Any = None) -> func.HttpResponse:
    sent = content if isinstance(content, bytes) else json.dumps(content or {}).encode()
    path = f"/manage/authorities/{issuer}/revocation"
    asked = request("POST", path, headers=headers, route={"issuer": issuer}, body=sent)
    return call(authorities.revoke_authority, asked)


@pytest.fixture
def house(app: MemoryApplication) -> MemoryApplication:
    """Five certificates of one CA, and another that has taken over."""
    for number in range(5):
        issue(app, str(number))
    home = app.ca_homes["default"]
    assert isinstance(home, MemoryHome)
    home.keys.append(key("Next"))
    held = home.held.with_above([root()]).with_own(NEXT, None)
    home.held = take_over(held, issuer_id(NEXT.spki), at=NOW, now=NOW)
    return app


def first(app: MemoryApplication) -> str:
    return app.world.issuer.id


def records(app: MemoryApplication) -> list[CertificateRecord]:
    return list(app.store.records(first(app)))


@pytest.mark.parametrize("ask", [listed, live, revoke])
def test_no_call_is_served_without_authorisation(
    house: MemoryApplication, ask: Callable[..., func.HttpResponse]
) -> None:
    for headers in ({}, {"x-scepter-key": "wrong"}):
        response = ask(headers=headers)
        assert response.status_code == 403
        assert first(house) not in text(response)


def test_every_ca_is_listed_with_its_part(house: MemoryApplication) -> None:
    found = {each["id"]: each for each in body(listed())["authorities"]}
    assert {name: each["part"] for name, each in found.items()} == {
        first(house): "former",
        issuer_id(NEXT.spki): "issuing",
    }
    assert found[issuer_id(NEXT.spki)]["subject"] == "CN=Next"
    assert {each["ca"] for each in found.values()} == {"default"}


def test_what_lives_comes_page_by_page_without_our_own_responders(house: MemoryApplication) -> None:
    rows, after = [], ""
    for _ in range(10):
        page = body(live(first(house), after=after, limit="2"))
        rows += page["certificates"]
        after = page["next"]
        if not after:
            break
    assert [serial for serial, _ in rows] == [record.serial for record in records(house)]
    assert all(owner.startswith("device:") for _, owner in rows)


@pytest.mark.parametrize("issuer", ["", "0" * 16, "../x", "A" * 5000])
def test_a_ca_that_is_not_ours_is_not_found(house: MemoryApplication, issuer: str) -> None:
    for ask in (live, revoke):
        assert ask(issuer).status_code == 404


def test_a_lost_ca_is_revoked_page_by_page_once(house: MemoryApplication) -> None:
    done, after = 0, ""
    for _ in range(10):
        page = body(revoke(first(house), content={"after": after, "most": 2, "note": "drill"}))
        done, after = done + page["count"], page["next"]
        if not after:
            break
    assert done == 5
    assert {record.status for record in records(house)} == {Status.REVOKED}
    assert {record.revocation.reason for record in records(house) if record.revocation} == {"keyCompromise"}
    assert body(revoke(first(house)))["count"] == 0
    assert body(live(first(house)))["certificates"] == []


def test_who_issues_is_not_revoked(house: MemoryApplication) -> None:
    response = revoke(issuer_id(NEXT.spki))
    assert response.status_code == 403
    assert "successor" in text(response)


@pytest.mark.parametrize("content", WRONG)
def test_a_wrong_order_is_refused_and_revokes_nobody(house: MemoryApplication, content: bytes) -> None:
    assert revoke(first(house), content=content).status_code == 400
    assert {record.status for record in records(house)} == {Status.GOOD}


@pytest.mark.parametrize("query", [{"after": "zz"}, {"after": "é"}, {"limit": "-1"}, {"limit": "9" * 40}])
def test_odd_questions_are_no_fault_of_ours(house: MemoryApplication, query: dict[str, str]) -> None:
    assert live(first(house), KEY, **query).status_code in (200, 400)


def test_every_trigger_of_the_api_is_asked_above() -> None:
    assert len([trigger for trigger in vars(authorities).values() if hasattr(trigger, "_function")]) == 3
