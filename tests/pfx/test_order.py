"""The order's schema: what it takes, what it names when it is wrong, and that no bytes make it fail otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import MalformedMessage
from shared.pfx.order import MAX_ORDER_BYTES, Device, PKCSOrder, User
from shared.policy.subject_variables import VARIABLES
from tests.pfx.world import machine, mail, parse

FULL = {
    "version": 1,
    "id": "a.b_c~d-1",
    "profile": "mail",
    "caller": "mdm",
    "user": {"id": "u1", **mail()["user"]},
    "device": machine()["device"],
    "recipient": {"serial": "0aFF"},
    "sealing": ["cms", "rsa-oaep-256"],
    "validityDays": 30,
    "result": {"queue": "results"},
    "requestedAt": "2026-11-21T12:00:00+01:00",
}


def test_a_full_order_and_the_least_one() -> None:
    order = parse(FULL)
    assert (order.validity_days, order.sealing) == (30, ("cms", "rsa-oaep-256"))
    assert (order.user_owner, order.device_owner) == (
        "ann@example.org",
        machine()["device"]["intuneDeviceId"],
    )
    least = parse({"id": "1", "profile": "x"})
    assert (least.user_owner, least.device_owner, least.attributes) == ("", "", {})


def test_every_variable_has_its_attribute_in_the_schema() -> None:
    fields = {"user": User.model_fields, "device": Device.model_fields}
    aliases = {f"{of}.{field.alias or name}" for of, model in fields.items() for name, field in model.items()}
    needed = {variable.path(holder) for variable in VARIABLES.values() for holder in ("user", "device")}
    assert needed <= aliases


def test_owners_are_the_ids_that_events_name() -> None:
    assert parse({"id": "1", "profile": "x", "user": {"id": "u"}}).user_owner == "u"
    for ids, owner in (
        ({"id": "a", "intuneDeviceId": "b"}, "a"),
        ({"intuneDeviceId": "b", "entraDeviceId": "c"}, "b"),
        ({"entraDeviceId": "c", "serialNumber": "d"}, "c"),
        ({"serialNumber": "d"}, ""),
    ):
        assert parse({"id": "1", "profile": "x", "device": ids}).device_owner == owner


def test_the_digest_is_of_what_is_ordered() -> None:
    same = [
        FULL,
        dict(reversed(FULL.items())),
        {**FULL, "requestedAt": "2026-11-21T13:00:00Z"},
        {**FULL, "caller": None},
    ]
    assert len({parse({k: v for k, v in each.items() if v is not None}).digest for each in same}) == 1
    others: list[dict[str, Any]] = [
        {"profile": "other"},
        {"validityDays": 31},
        {"sealing": ["cms"]},
        {"device": {}},
        {"user": {"id": "u2"}},
        {"result": {"queue": "other"}},
        {"recipient": {"serial": "0a"}},
    ]
    for changes in others:
        assert parse({**FULL, **changes}).digest != parse(FULL).digest


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"version": 2}, "version"),
    ({"version": "1"}, "version"),
    ({"id": ""}, "id"),
    ({"id": "a/b"}, "id"),
    ({"id": "x" * 129}, "id"),
    ({"id": 7}, "id"),
    ({"profile": None}, "profile"),
    ({"colour": "red"}, "colour"),
    ({"user": {"colour": "red"}}, "user.colour"),
    ({"user": {"userPrincipalName": "a/b"}}, "user.userPrincipalName"),
    ({"user": {"userName": ""}}, "user.userName"),
    ({"user": {"userName": "x" * 1025}}, "user.userName"),
    ({"user": {"userName": 7}}, "user.userName"),
    ({"user": []}, "user"),
    ({"device": {"id": "a\u0000"}}, "device.id"),
    ({"recipient": {}}, "recipient"),
    ({"recipient": {"serial": "0a", "key": "x"}}, "recipient"),
    ({"recipient": {"serial": "xyz"}}, "recipient.serial"),
    ({"recipient": {"jwk": "x"}}, "recipient.jwk"),
    ({"recipient": {"key": "x" * 9000}}, "recipient.key"),
    ({"sealing": ["rot13"]}, "sealing.0"),
    ({"sealing": "cms"}, "sealing"),
    ({"sealing": ["cms"] * 4}, "sealing"),
    ({"validityDays": 0}, "validityDays"),
    ({"validityDays": 30.5}, "validityDays"),
    ({"validityDays": True}, "validityDays"),
    ({"result": {}}, "result"),
    ({"result": {"queue": "results", "callback": "b"}}, "result"),
    ({"result": {"queue": "A_B"}}, "result.queue"),
    ({"result": {"callback": "x" * 3000}}, "result.callback"),
    ({"requestedAt": "yesterday"}, "requestedAt"),
    ({"requestedAt": "2026-11-21T12:00:00"}, "requestedAt"),
    ({"caller": "A B"}, "caller"),
]


@pytest.mark.parametrize(("changes", "names"), WRONG, ids=[ascii(change)[:50] for change, _ in WRONG])
def test_what_is_wrong_is_named_and_its_value_is_not(changes: dict[str, Any], names: str) -> None:
    with pytest.raises(MalformedMessage) as refused:
        parse({**FULL, **changes})
    assert f"{names}:" in refused.value.public
    assert "rot13" not in refused.value.public
    assert "xxxx" not in refused.value.public


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"7", b'"x"', b"\xff", b"\x00", b'{"id": "\\ud800"}', b"{" * 5000]
)
def test_what_is_no_order_at_all_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        PKCSOrder.parse(body)


def test_a_large_body_is_not_even_read() -> None:
    with pytest.raises(MalformedMessage, match="too large"):
        PKCSOrder.parse(b" " * (MAX_ORDER_BYTES + 1))
    assert PKCSOrder.parse(json.dumps(FULL).encode().ljust(MAX_ORDER_BYTES)).id == FULL["id"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*FULL, "x"]), json_values))
def test_any_document_is_an_order_or_refused(document: dict[str, Any]) -> None:
    try:
        order = PKCSOrder.parse(json.dumps({**FULL, **document}).encode())
    except MalformedMessage:
        return
    assert order.digest


@given(st.binary(max_size=400))
def test_any_bytes_are_an_order_or_refused(body: bytes) -> None:
    with pytest.raises(MalformedMessage):
        PKCSOrder.parse(body)
