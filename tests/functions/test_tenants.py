"""`/manage/intune/...`: for administrators only, and whatever is sent, an answer that says what is wrong."""

from __future__ import annotations

import json
from typing import Any

import azure.functions as func
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions import tenants
from shared import wiring
from tests.functions.application import MANAGEMENT_KEY, MemoryApplication, body, call, request, text

KEY = {"x-scepter-key": MANAGEMENT_KEY}
CALLS = [
    (tenants.draft_intune_profiles, "POST"),
    (tenants.show_integration, "GET"),
    (tenants.check_integration, "POST"),
    (tenants.installations, "GET"),
    (tenants.installations, "POST"),
    (tenants.accept_shrinkage, "POST"),
]


def ask(trigger: Any, method: str, content: bytes = b"", *, key: bool = True) -> func.HttpResponse:
    headers = KEY if key else {}
    route = {"integration": "default"}
    return call(trigger, request(method, "/manage/intune", body=content, headers=headers, route=route))


@pytest.mark.parametrize(("trigger", "method"), CALLS)
def test_nobody_else_is_told_anything(app: MemoryApplication, trigger: Any, method: str) -> None:
    assert ask(trigger, method, key=False).status_code == 403


@pytest.mark.parametrize(("trigger", "method"), CALLS[1:5])
def test_a_tenant_that_has_no_settings_is_not_found(
    app: MemoryApplication, trigger: Any, method: str
) -> None:
    answer = ask(trigger, method)
    assert answer.status_code == 404
    assert "No such integration; known: none." in text(answer)


def test_a_profile_that_is_not_there_is_not_found(app: MemoryApplication) -> None:
    assert ask(tenants.draft_intune_profiles, "POST", b'{"profile": "nobody"}').status_code == 404


def test_drafts_come_for_all_platforms_unless_told_otherwise(app: MemoryApplication) -> None:
    every = body(ask(tenants.draft_intune_profiles, "POST", b'{"profile": "device"}'))["profiles"]
    assert {each["platform"] for each in every} == {"windows", "ios", "macos", "android"}
    one = json.dumps(
        {"profile": "device", "platforms": ["ios"], "ssid": "Corp", "servers": ["r.example.org"]}
    )
    (wifi,) = [
        each
        for each in body(ask(tenants.draft_intune_profiles, "POST", one.encode()))["profiles"]
        if each["kind"] == "Wi-Fi"
    ]
    assert wifi["properties"]["ssid"] == "Corp"
    assert wifi["missing"] == []


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"profile": "device", "platforms": ["beos"]}, "platforms"),
        ({"profile": "device", "ssid": "x" * 33}, "ssid"),
        ({"profile": "device", "unknown": 1}, "unknown"),
        ({}, "profile"),
    ],
)
def test_a_wrong_order_is_told_its_field(app: MemoryApplication, order: Any, words: str) -> None:
    answer = ask(tenants.draft_intune_profiles, "POST", json.dumps(order).encode())
    assert answer.status_code == 400
    assert words in text(answer)


def test_nothing_waits_to_be_accepted(app: MemoryApplication) -> None:
    answer = ask(tenants.accept_shrinkage, "POST", b'{"integration": "default", "kind": "device"}')
    assert answer.status_code == 403
    assert "No listing of devices" in text(answer)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "profile": st.sampled_from(["device", "user", ""]) | JSON,
        "platforms": st.lists(st.sampled_from(["windows", "ios", "macos", "android"])) | JSON,
        **{name: st.text(max_size=40) | JSON for name in ("prefix", "ssid", "vpn", "mail", "pkcsAuthority")},
        "servers": st.lists(st.text(max_size=10), max_size=3) | JSON,
    },
)


@settings(max_examples=100, deadline=None)
@given(
    content=st.binary(max_size=200)
    | JSON.map(lambda each: json.dumps(each).encode())
    | FIELDS.map(lambda each: json.dumps(each).encode())
)
def test_no_order_breaks_it(content: bytes) -> None:
    application = MemoryApplication()
    wiring.use(application)
    try:
        for trigger in (tenants.draft_intune_profiles, tenants.accept_shrinkage):
            assert ask(trigger, "POST", content).status_code in (200, 400, 403, 404)
    finally:
        wiring.use(None)
