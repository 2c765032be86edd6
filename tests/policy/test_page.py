"""docs/profiles.md names every field there is, with its default, and no other."""

import json
import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel

from shared.policy.alternative_names import SANRule, SANRules
from shared.policy.callers import Caller, StaticChallenge
from shared.policy.pkcs import PKCSRules, SealingForm
from shared.policy.profile import Profile
from shared.policy.profiles import Profiles
from shared.policy.public_key import KEY_ALGORITHMS
from shared.policy.subject import AttributeRule
from shared.policy.subject_variables import VARIABLES
from shared.policy.usages import KEY_USAGES, PURPOSES, ExtendedKeyUsageRule, KeyUsageRule

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text("utf-8")
MODELS: tuple[type[BaseModel], ...] = (
    Profiles,
    Profile,
    PKCSRules,
    AttributeRule,
    SANRule,
    SANRules,
    KeyUsageRule,
    ExtendedKeyUsageRule,
    Caller,
    StaticChallenge,
)
TABLE_ROWS = re.findall(r"^\| (`[^|{]+`) \|", PAGE, re.MULTILINE)
IN_TABLES = {name for row in TABLE_ROWS for name in re.findall(r"`([^`]+)`", row)}
ELSEWHERE = {
    "name",
    "profiles",
    "callers",
    "static_challenges",
    "event_sources",
    "dns",
    "email",
    "upn",
    "uri",
    "ip",
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_field_is_in_a_table(model: type[BaseModel]) -> None:
    assert set(model.model_fields) - ELSEWHERE <= IN_TABLES


def test_no_table_names_a_field_that_does_not_exist() -> None:
    fields = {field for model in MODELS for field in model.model_fields}
    headings = {"[profiles.<name>]", "[[callers]]", "[[static_challenges]]", "[[event_sources]]"}
    assert IN_TABLES - fields == headings


@pytest.mark.parametrize(
    "field",
    [name for name, info in Profile.model_fields.items() if isinstance(info.default, str | bool | int)],
)
def test_defaults_are_those_of_the_code(field: str) -> None:
    written = re.search(rf"^\| `{field}` \| `([^`]+)` \|", PAGE, re.MULTILINE)
    assert written is not None
    assert written[1] == json.dumps(Profile.model_fields[field].default)


@pytest.mark.parametrize(
    "word", [*KEY_USAGES, *PURPOSES, *KEY_ALGORITHMS, *get_args(SealingForm), *sorted(ELSEWHERE)]
)
def test_every_word_that_may_be_written_is_on_the_page(word: str) -> None:
    assert re.search(rf'[`"\[]{re.escape(word)}[`"\].]', PAGE)


def test_examples_on_the_page_are_right() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 5
    subject, san, usages, mail, vouchers = blocks
    common = 'title = "x"\nholder = "device"\nvalidity = 30\n' + usages
    text = "version = 1\n" + "".join(
        f'[profiles.{name}]\nchallenge = "{challenge}"\n{common}'
        for name, challenge in (("device", "sealed"), ("web-server", "intune"), ("printer", "static"))
    )
    profiles = Profiles.parse(f"{text}\n{subject}\n{san}\n{mail}\n{vouchers}")
    assert profiles.warnings() == [
        "profiles.web-server: san.dns is reported by the device itself and proves nothing",
        "profiles.mail: no caller may order for it",
    ]


def test_every_variable_is_on_the_page_and_no_other() -> None:
    rows = re.findall(r"^\| `\{\{.*$", PAGE, re.MULTILINE)
    user, device, both = (set(re.findall(r"\{\{(\w+)\}\}", cell)) for cell in rows[0].split("|")[1:4])
    assert user == {name for name, variable in VARIABLES.items() if variable.of == "user"}
    assert device == {name for name, variable in VARIABLES.items() if variable.of == "device"}
    assert both == {"OnPremisesSecurityIdentifier"}
