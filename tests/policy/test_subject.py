"""Rules for subject attributes: every accepted and every refused shape, and what strangers read of it."""

from collections.abc import Mapping

import pytest

from shared.asn1 import tags, writer
from shared.errors import PolicyViolation
from shared.policy.patterns import Pattern
from shared.policy.subject import AttributeRule, attribute_oid, check_subject
from shared.x509.names import Name

LAPTOP = AttributeRule(pattern=Pattern("laptop-[0-9]+"), required=True)
RULES: Mapping[str, AttributeRule] = {
    "CN": LAPTOP,
    "O": AttributeRule(),
    "OU": AttributeRule(max=2),
    "DC": AttributeRule(min=2, max=3),
    "C": AttributeRule(),
    "1.2.3.4": AttributeRule(pattern=Pattern("x")),
}


@pytest.mark.parametrize(
    "subject",
    [
        "CN=laptop-1",
        "CN=laptop-1,O=Example",
        "CN=laptop-1+O=Example",
        "CN=laptop-1,OU=a,OU=b",
        "CN=laptop-1,DC=example,DC=org",
        "CN=laptop-1,C=CZ",
        "CN=laptop-1,1.2.3.4=x",
        "CN=laptop-1,O=Žižkov \\, s.r.o.",
    ],
)
def test_a_subject_that_keeps_the_rules_passes(subject: str) -> None:
    check_subject(Name.from_text(subject), RULES)


@pytest.mark.parametrize(
    ("subject", "public"),
    [
        ("", "The subject attribute CN is missing."),
        ("O=Example", "The subject attribute CN is missing."),
        ("CN=server-1", "The subject attribute CN does not have the allowed form."),
        ("CN=laptop-1,CN=laptop-2", "The subject attribute CN occurs 2 times where 1 are allowed."),
        ("CN=laptop-1,L=Praha", "The subject attribute L is not allowed."),
        ("CN=laptop-1,1.2.3.5=x", "The subject attribute 1.2.3.5 is not allowed."),
        ("CN=laptop-1,OU=a,OU=b,OU=c", "The subject attribute OU occurs 3 times where 1 to 2 are allowed."),
        ("CN=laptop-1,DC=org", "The subject attribute DC occurs 1 times where 2 to 3 are allowed."),
        ("CN=laptop-1,C=CZE", "The subject attribute C is not a country code of two letters."),
        ("CN=laptop-1,O=", "The subject attribute O is empty."),
        ("CN=laptop-1,O=" + "x" * 257, "The subject attribute O is longer than 256 characters."),
        ("CN=laptop-1,O=a\\0ab", "The subject attribute O holds control characters."),
        ("CN=laptop-1,O=a\\00b", "The subject attribute O holds control characters."),
        ("CN=laptop-1,O=#020105", "The subject attribute O is not a text."),
    ],
)
def test_a_subject_that_breaks_a_rule_is_refused_and_the_point_is_named(subject: str, public: str) -> None:
    with pytest.raises(PolicyViolation) as refused:
        check_subject(Name.from_text(subject), RULES)
    assert refused.value.public == public


def test_the_pattern_and_the_value_are_for_the_log_only() -> None:
    with pytest.raises(PolicyViolation) as refused:
        check_subject(Name.from_text("CN=domain-controller"), RULES)
    assert "domain-controller" in refused.value.reason
    assert LAPTOP.pattern is not None
    assert LAPTOP.pattern.source in refused.value.reason
    assert "controller" not in refused.value.public
    assert "laptop" not in refused.value.public


def test_a_value_in_the_log_is_escaped_and_cut() -> None:
    with pytest.raises(PolicyViolation) as refused:
        check_subject(Name.from_text("CN=" + "\\0d\\0a" * 100), {"CN": AttributeRule()})
    assert "\r" not in refused.value.reason
    assert len(refused.value.reason) < 500


def test_every_string_type_is_read_for_its_text() -> None:
    bmp = writer.tlv(tags.BMP_STRING, "laptop-1".encode("utf-16-be"))
    pair = writer.sequence(writer.oid(attribute_oid("CN")), bmp)
    check_subject(Name.from_der(writer.sequence(writer.set_of([pair]))), RULES)


@pytest.mark.parametrize("kind", ["XX", "cn ", "1", "1.x", ""])
def test_an_attribute_type_is_a_known_name_or_dotted(kind: str) -> None:
    with pytest.raises(ValueError, match="attribute type"):
        attribute_oid(kind)
