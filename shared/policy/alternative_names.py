"""Rules for subject alternative names (RFC 5280 4.2.1.6), one per kind: a kind without a rule is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from typing import Annotated, Literal

from pydantic import Field, model_validator

from shared.errors import RequestError
from shared.policy.entry import Entry, contradiction
from shared.policy.patterns import Pattern, PatternText
from shared.policy.refusal import quoted, refusal
from shared.policy.strong_mapping import is_sid_uri
from shared.policy.subject import check_value
from shared.x509.general_names import GeneralName

SANKind = Literal["dns", "email", "upn", "uri", "ip"]
SAN_KINDS: tuple[SANKind, ...] = ("dns", "email", "upn", "uri", "ip")

_LABEL = "[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"({_LABEL}\.)*{_LABEL}"
# What a name of each kind must look like whatever the profile says; lint and clients would refuse the rest.
_SYNTAX: Mapping[str, Pattern] = {
    "dns": Pattern(rf"(\*\.)?{_HOST}"),  # RFC 5280 4.2.1.6: preferred name syntax; RFC 6125 for the wildcard
    "email": Pattern(rf"[!#-'*+/-9=?A-Z^-~.-]+@{_HOST}"),  # RFC 5321 Mailbox without quoted forms
    "upn": Pattern(r"[^@\s]+@[^@\s]+"),
    # RFC 3986, never relative
    "uri": Pattern(r"[A-Za-z][A-Za-z0-9+.-]*:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+"),
}
_BUILDERS: Mapping[str, Callable[[str], GeneralName]] = {
    "dns": GeneralName.dns,
    "email": GeneralName.email,
    "upn": GeneralName.upn,
    "uri": GeneralName.uri,
    "ip": GeneralName.ip,
}


class SANRule(Entry):
    """How names of one kind may occur."""

    pattern: PatternText | None = None
    required: bool = False
    max: Annotated[int, Field(ge=1, le=100)] = 1


class SANRules(Entry):
    """The kinds of names that may occur, and of which at least one must."""

    dns: SANRule | None = None
    email: SANRule | None = None
    upn: SANRule | None = None
    uri: SANRule | None = None
    ip: SANRule | None = None
    at_least_one_of: tuple[SANKind, ...] = ()

    @model_validator(mode="after")
    def _possible(self) -> SANRules:
        for kind in self.at_least_one_of:
            if self.rule(kind) is None:
                raise contradiction(f"at_least_one_of names {kind}, which has no rule", "at_least_one_of")
        return self

    def rule(self, kind: str) -> SANRule | None:
        """The rule for a kind, None if names of that kind are not allowed."""
        return getattr(self, kind) if kind in SAN_KINDS else None


def check_sans(names: Sequence[GeneralName], rules: SANRules) -> None:
    """Raises PolicyViolation unless every name has a rule and keeps it. SID URIs are strong mapping's."""
    ordinary = [name for name in names if not is_sid_uri(name)]
    for name in ordinary:
        rule = rules.rule(name.kind)
        if rule is None:
            raise refusal(f"A SAN of kind {name.kind} is not allowed", quoted(name.value))
        _check_name(name, rule)
    present = [name.kind for name in ordinary]
    for kind in SAN_KINDS:
        rule = rules.rule(kind)
        if rule is not None and present.count(kind) > rule.max:
            raise refusal(f"More than {rule.max} SANs of kind {kind}", f"{present.count(kind)}")
        if rule is not None and rule.required and kind not in present:
            raise refusal(f"A SAN of kind {kind} is missing")
    if rules.at_least_one_of and not set(rules.at_least_one_of) & set(present):
        raise refusal(f"A SAN is missing; one of {', '.join(rules.at_least_one_of)} is needed")


def san_from_text(text: str) -> GeneralName:
    """A name from `dns:host`, `email:a@b`, `upn:a@b`, `uri:...` or `ip:...`. Raises PolicyViolation."""
    kind, colon, value = text.partition(":")
    if not colon or kind not in _BUILDERS:
        raise refusal(f"A SAN is written as {', '.join(SAN_KINDS)}, a colon and the name", quoted(text))
    try:
        return _BUILDERS[kind](value)
    except (ValueError, RequestError):
        raise refusal(f"A SAN of kind {kind} is not well formed", quoted(value)) from None


def _check_name(name: GeneralName, rule: SANRule) -> None:
    what = f"A SAN of kind {name.kind}"
    check_value(what, name.value, rule.pattern)
    if not _well_formed(name):
        raise refusal(f"{what} is not well formed", quoted(name.value))
    if name.kind == "dns" and name.value.startswith("*") and rule.pattern is None:
        raise refusal("A wildcard in a DNS name is not allowed", quoted(name.value))


def _well_formed(name: GeneralName) -> bool:
    if name.kind != "ip":
        return _SYNTAX[name.kind].matches(name.value) and (name.kind != "dns" or len(name.value) <= 253)
    try:
        ip_address(name.value)
    except ValueError:
        return False
    return True
