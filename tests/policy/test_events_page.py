"""docs/events.md names every type of event, every field, every default, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.policy.events import DEFAULTS, EventRule, EventRules, EventSource, EventType
from shared.policy.profiles import Profiles

PAGE = (Path(__file__).parents[2] / "docs" / "events.md").read_text("utf-8")
BASE = """
version = 1
[profiles.device]
title = "x"
holder = "device"
challenge = "intune"
key_usage = { allowed = ["digitalSignature"] }
validity = 30
"""


def test_every_type_has_its_usual_rule_on_the_page() -> None:
    rows = re.findall(r"^\| (`\w+`.*?) \| (.+) \|$", PAGE, re.MULTILINE)
    told = {
        name: rule for names, rule in rows for name in re.findall(r"`(\w+)`", names) if name in set(EventType)
    }
    assert told.keys() == {kind.value for kind in EventType}
    for kind, rule in DEFAULTS.items():
        assert told[kind].startswith(rule.action)
        if rule.action == "revoke":
            assert rule.reason in told[kind]
        assert (f"after {rule.after_hours} hours" in told[kind]) is bool(rule.after_hours)


@pytest.mark.parametrize("model", [EventRule, EventSource])
def test_every_field_is_on_the_page(model: type[EventRule] | type[EventSource]) -> None:
    assert set(model.model_fields) <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


def test_the_grace_of_bulk_sources_is_the_code_s() -> None:
    assert f"{EventRules().bulk_grace_hours} unless the profile says otherwise" in PAGE


def test_the_examples_are_right() -> None:
    rules, sources = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    profiles = Profiles.parse(BASE + rules + sources)
    assert profiles.profiles["device"].events.rule(EventType.NONCOMPLIANT).hold_days == 14
    assert profiles.terms("helpdesk").most_devices == 20
