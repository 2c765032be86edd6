"""Rules for subject alternative names, kind by kind, and their written form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import PolicyViolation
from shared.policy.alternative_names import SANRule, SANRules, check_sans, san_from_text
from shared.policy.patterns import Pattern
from shared.x509.general_names import GeneralName, parse_general_names
from tests.policy.material import SID_URI, make_request

ANY = SANRule(max=5)
EVERYTHING = SANRules(dns=ANY, email=ANY, upn=ANY, uri=ANY, ip=ANY)


@pytest.mark.parametrize(
    "text",
    [
        "dns:laptop-1.example.org",
        "dns:LAPTOP-1",
        "email:ada.lovelace+vpn@example.org",
        "upn:ada@example.org",
        "upn:žofie@příklad.example",
        "upn:6c8f0d8e-2b1f-4a57-9d52-1f0a3f6e1c11@example.org",
        "uri:IntuneDeviceId://6c8f0d8e-2b1f-4a57-9d52-1f0a3f6e1c11",
        "uri:urn:uuid:6c8f0d8e-2b1f-4a57-9d52-1f0a3f6e1c11",
        "uri:https://example.org/a?b=%20#c",
        "ip:192.0.2.1",
        "ip:2001:db8::1",
    ],
)
def test_a_well_formed_name_of_an_allowed_kind_passes(text: str) -> None:
    check_sans([san_from_text(text)], EVERYTHING)


@pytest.mark.parametrize(
    "text",
    [
        "dns:laptop_1",
        "dns:-laptop",
        "dns:laptop-",
        "dns:a..b",
        "dns:example.org.",
        "dns:" + "a" * 64,
        "dns:" + ".".join(["a" * 60] * 4 + ["a" * 10]),
        "dns:example.org/x",
        "dns:a.*.example.org",
        "email:ada",
        "email:@example.org",
        "email:ada@",
        "email:ada@exa mple.org",
        "email:ada@example.org@example.com",
        "upn:ada",
        "upn:ada@",
        "upn:@example.org",
        "upn:a@b@c",
        "uri:example.org",
        "uri://example.org/x",
        "uri:https://exa mple.org",
        'uri:https://example.org/"x"',
    ],
)
def test_a_name_that_is_not_well_formed_is_refused_whatever_the_profile_allows(text: str) -> None:
    with pytest.raises(PolicyViolation, match="not well formed"):
        check_sans([san_from_text(text)], EVERYTHING)


@pytest.mark.parametrize("kind", ["dns", "email", "upn", "uri", "ip"])
def test_a_kind_without_a_rule_is_refused(kind: str) -> None:
    value = {"dns": "a", "email": "a@b", "upn": "a@b", "uri": "a:b", "ip": "192.0.2.1"}[kind]
    with pytest.raises(PolicyViolation) as refused:
        check_sans([san_from_text(f"{kind}:{value}")], SANRules())
    assert refused.value.public == f"A SAN of kind {kind} is not allowed."


@pytest.mark.parametrize("text", ["directory:CN=a", "other:x"])
def test_kinds_that_no_profile_can_allow_are_refused(text: str) -> None:
    with pytest.raises(PolicyViolation, match="is not allowed"):
        check_sans(make_request(sans=[text]).sans, EVERYTHING)


def test_a_required_kind_must_be_there() -> None:
    rules = SANRules(dns=SANRule(required=True), email=SANRule())
    check_sans([GeneralName.dns("a")], rules)
    with pytest.raises(PolicyViolation, match="A SAN of kind dns is missing"):
        check_sans([GeneralName.email("a@b")], rules)


def test_at_least_one_of_several_kinds_must_be_there() -> None:
    rules = SANRules(dns=SANRule(), ip=SANRule(), email=SANRule(), at_least_one_of=("dns", "ip"))
    check_sans([GeneralName.ip("192.0.2.1")], rules)
    with pytest.raises(PolicyViolation, match="one of dns, ip is needed"):
        check_sans([GeneralName.email("a@b")], rules)


def test_at_least_one_of_needs_rules_for_its_kinds() -> None:
    with pytest.raises(ValueError, match="which has no rule"):
        SANRules(dns=SANRule(), at_least_one_of=("ip",))


def test_more_names_of_a_kind_than_allowed_are_refused() -> None:
    names = [GeneralName.dns(f"host-{number}") for number in range(3)]
    check_sans(names, SANRules(dns=SANRule(max=3)))
    with pytest.raises(PolicyViolation, match="More than 2 SANs of kind dns"):
        check_sans(names, SANRules(dns=SANRule(max=2)))


def test_a_pattern_holds_for_every_name_of_its_kind() -> None:
    rules = SANRules(dns=SANRule(pattern=Pattern(r".+\.example\.org"), max=2))
    check_sans([GeneralName.dns("a.example.org"), GeneralName.dns("b.example.org")], rules)
    with pytest.raises(PolicyViolation, match="does not have the allowed form"):
        check_sans([GeneralName.dns("a.example.org"), GeneralName.dns("b.example.com")], rules)


def test_a_wildcard_needs_a_pattern_that_takes_it() -> None:
    wildcard = [GeneralName.dns("*.example.org")]
    check_sans(wildcard, SANRules(dns=SANRule(pattern=Pattern(r"(\*\.)?example\.org"))))
    with pytest.raises(PolicyViolation, match="wildcard"):
        check_sans(wildcard, SANRules(dns=SANRule()))


def test_a_value_beyond_256_characters_is_refused_before_any_pattern() -> None:
    with pytest.raises(PolicyViolation, match="longer than 256"):
        check_sans([GeneralName.uri("urn:" + "x" * 300)], SANRules(uri=SANRule(pattern=Pattern("urn:x+"))))


def test_a_sid_uri_does_not_count_as_an_ordinary_uri() -> None:
    check_sans([GeneralName.uri(SID_URI)], SANRules())


@pytest.mark.parametrize(
    "text", ["", "dns", "host.example.org", "DNS:a", "directory:CN=a", "ip:300.1.1.1", "dns:ž"]
)
def test_a_text_that_is_no_san_is_refused(text: str) -> None:
    with pytest.raises(PolicyViolation):
        san_from_text(text)


@given(st.sampled_from(["dns", "email", "upn", "uri"]), st.from_regex(r"[a-z0-9@:/.]{1,40}", fullmatch=True))
def test_a_written_san_reads_back(kind: str, value: str) -> None:
    assert san_from_text(f"{kind}:{value}").text() == f"{kind}:{value}"


def test_names_sent_in_another_encoding_are_refused() -> None:
    latin = b"\x30\x06\x82\x04caf\xe9"
    with pytest.raises(PolicyViolation, match="not well formed"):
        check_sans(parse_general_names(latin), EVERYTHING)
