"""Rules for the attributes of a subject (RFC 5280 4.1.2.6): what is not named is refused."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field, model_validator

from shared.asn1 import oids
from shared.asn1.writer import oid as encode_oid
from shared.policy.entry import Entry, contradiction
from shared.policy.patterns import Pattern, PatternText
from shared.policy.refusal import quoted, refusal
from shared.x509.names import SHORT_NAMES, Name

MAX_VALUE_LENGTH = 256
_Rule = TypeVar("_Rule")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_COUNTRY = Pattern("[A-Za-z]{2}")  # X.520 6.3.1: two letters, else no reader accepts the name


@lru_cache(maxsize=256)
def attribute_oid(attribute_type: str) -> str:
    """The dotted form of a short name (`CN`) or dotted attribute type. Raises ValueError."""
    dotted = SHORT_NAMES.get(attribute_type, attribute_type)
    try:
        encode_oid(dotted)
    except ValueError:
        raise ValueError("neither a known attribute type (CN, O, OU, ...) nor a dotted identifier") from None
    return dotted


def _known(attribute_type: str) -> str:
    attribute_oid(attribute_type)
    return attribute_type


def one_each(rules: dict[str, _Rule]) -> dict[str, _Rule]:
    """`rules` if no attribute type occurs by two of its names. Raises ValueError."""
    if len({attribute_oid(short) for short in rules}) != len(rules):
        raise ValueError("two rules for the same attribute type, by two of its names")
    return rules


AttributeType = Annotated[str, AfterValidator(_known)]


class AttributeRule(Entry):
    """How one attribute type may occur: its values, whether it must be there, and how often."""

    pattern: PatternText | None = None
    required: bool = False
    min: Annotated[int, Field(ge=1, le=20)] = 1
    max: Annotated[int, Field(ge=1, le=20)] = 1

    @model_validator(mode="after")
    def _in_order(self) -> AttributeRule:
        if self.min > self.max:
            raise contradiction("min is more than max", "min")
        return self


def check_subject(subject: Name, rules: Mapping[str, AttributeRule]) -> None:
    """Raises PolicyViolation unless every attribute has a rule and keeps it, and none is missing."""
    by_oid = {attribute_oid(short): (short, rule) for short, rule in rules.items()}
    counted: Counter[str] = Counter()
    for attribute in subject.attributes():
        what = f"The subject attribute {_short_name(attribute.oid)}"
        if attribute.oid not in by_oid:
            raise refusal(f"{what} is not allowed", quoted(attribute.value))
        if not attribute.is_text:
            raise refusal(f"{what} is not a text", quoted(attribute.value))
        check_value(what, attribute.value, by_oid[attribute.oid][1].pattern)
        if attribute.oid == oids.COUNTRY and not _COUNTRY.matches(attribute.value):
            raise refusal(f"{what} is not a country code of two letters", quoted(attribute.value))
        counted[attribute.oid] += 1
    for dotted, (short, rule) in by_oid.items():
        _check_count(short, rule, counted[dotted])


def check_value(what: str, value: str, pattern: Pattern | None) -> None:
    """Raises PolicyViolation unless `value` is 1 to 256 printable characters and matches."""
    if not value:
        raise refusal(f"{what} is empty")
    if len(value) > MAX_VALUE_LENGTH:
        raise refusal(f"{what} is longer than {MAX_VALUE_LENGTH} characters", f"{len(value)} characters")
    if _CONTROL.search(value):
        raise refusal(f"{what} holds control characters", quoted(value))
    if pattern is not None and not pattern.matches(value):
        raise refusal(f"{what} does not have the allowed form", f"{quoted(value)}, not {pattern.source}")


def _check_count(short: str, rule: AttributeRule, count: int) -> None:
    if count == 0:
        if rule.required:
            raise refusal(f"The subject attribute {short} is missing")
    elif not rule.min <= count <= rule.max:
        allowed = str(rule.max) if rule.min == rule.max else f"{rule.min} to {rule.max}"
        raise refusal(f"The subject attribute {short} occurs {count} times where {allowed} are allowed")


def _short_name(dotted: str) -> str:
    return next((short for short, known in SHORT_NAMES.items() if known == dotted), dotted)
