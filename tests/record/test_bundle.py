"""A bundle names nobody, and still tells one device from another."""

from __future__ import annotations

import json

from functions.traces import as_json
from shared.record.bundle import bundle
from tests.contracts.examples import trace

PEOPLE = ["laptop-1", "laptop-10", "ann@example.org", "198.51.100.7", "Example", "dev1", "dev2"]


def test_nobody_is_named_anywhere() -> None:
    given = [
        trace(cause="The subject is not the one: promised 'CN=dev1', found 'CN=dev2'"),
        trace(transaction="of-LAPTOP-1-1", cause="identity of laptop-1 and ann@example.org at 198.51.100.7"),
        trace(device="laptop-10", subject="CN=laptop-10,O=Example", cause='wrong "dev1"'),
    ]
    made = bundle([as_json(each) for each in given])
    told = json.dumps(made)
    assert [name for name in PEOPLE if name.lower() in told.lower()] == []
    assert [each["device"] for each in made["traces"]] == ["device-1", "device-1", "device-2"]
    assert made["traces"][1]["cause"] == "identity of device-1 and user-1 at source-1"
    assert made["traces"][1]["transaction"] == "of-device-1-1"


def test_the_rest_is_as_it_was() -> None:
    plain = as_json(trace())
    (kept,) = bundle([plain])["traces"]
    for name in ("at", "operation", "profile", "status", "failInfo", "error", "steps", "remedy", "agent"):
        assert kept[name] == plain[name]
    assert plain == as_json(trace())


def test_what_is_not_known_stays_so() -> None:
    unknown = trace(device="", user="", subject="", source="-", cause="")
    (kept,) = bundle([as_json(unknown)])["traces"]
    assert (kept["device"], kept["user"], kept["subject"], kept["source"]) == ("", "", "", "-")


def test_a_short_name_does_not_tear_words_apart() -> None:
    (kept,) = bundle([as_json(trace(device="a", cause="a signature that does not hold"))])["traces"]
    assert kept["cause"] == "a signature that does not hold"
    assert kept["device"] == "device-1"


def test_none_is_an_empty_bundle() -> None:
    assert bundle([]) == {"kind": "scepter-traces", "version": 1, "traces": []}
