"""Limits at their edges; the contract suites feel them through the stores."""

from __future__ import annotations

import pytest

from shared.errors import IssuanceFault, MalformedMessage
from shared.store import limits


def test_a_row_has_at_most_252_properties_of_its_own() -> None:
    keys: dict[str, str | bytes | int] = {"PartitionKey": "p", "RowKey": "r"}
    full = keys | {f"p{n}": n for n in range(252)}
    limits.check_row(full)
    with pytest.raises(IssuanceFault):
        limits.check_row(full | {"one_more": 1})


def test_a_row_is_at_most_a_mebibyte() -> None:
    fifteen: dict[str, str | bytes | int] = {f"p{n:02d}": bytes(64 * 1024) for n in range(15)}
    rest = 1024 * 1024 - 15 * (12 + 2 * 3 + 64 * 1024) - (12 + 2 * 3)
    limits.check_row(fifteen | {"p15": bytes(rest)})
    with pytest.raises(MalformedMessage):
        limits.check_row(fifteen | {"p15": bytes(rest + 1)})


@pytest.mark.parametrize(("unit", "most"), [("x", 32 * 1024), ("é", 32 * 1024), ("😀", 16 * 1024)])
def test_text_is_at_most_64_kib_in_utf_16(unit: str, most: int) -> None:
    limits.check_row({"p": unit * most})
    with pytest.raises(MalformedMessage):
        limits.check_row({"p": unit * most + "x"})


def test_octets_are_at_most_64_kib() -> None:
    limits.check_row({"p": bytes(64 * 1024)})
    with pytest.raises(MalformedMessage):
        limits.check_row({"p": bytes(64 * 1024 + 1)})


def test_text_must_be_unicode() -> None:
    with pytest.raises(MalformedMessage):
        limits.check_row({"p": "half a character: \ud83d"})


def test_a_refusal_names_the_property_and_not_its_value() -> None:
    with pytest.raises(MalformedMessage) as refusal:
        limits.check_row({"subject": "secret" * 20_000})
    assert "subject" in refusal.value.reason
    assert "secret" not in refusal.value.reason + refusal.value.public
