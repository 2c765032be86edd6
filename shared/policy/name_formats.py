"""Formats of a subject (RFC 4514 text) and of an alternative name (`upn:{{UserPrincipalName}}`), and what they make."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Final

from pydantic import PlainValidator

from shared.errors import MalformedMessage
from shared.policy.alternative_names import san_from_text
from shared.policy.refusal import refusal
from shared.policy.strong_mapping import SID_URI
from shared.policy.subject_variables import DISTINGUISHED_NAME, SID, Attributes, Holder, Template, Variable
from shared.x509.general_names import GeneralName
from shared.x509.name_text import split_rdns
from shared.x509.names import Name

KINDS: Final = ("email", "upn", "dns", "uri")
"""Of alternative names that a format can make, those that Intune has."""


@dataclass(frozen=True, slots=True)
class SubjectFormat:
    """`rdns` holds (dotted type, text) pairs, most significant first as in the DER. Without any, and with `is_whole`,
    the subject is the distinguished name of the user's directory entry."""

    source: str
    rdns: tuple[tuple[tuple[str, Template], ...], ...] = field(compare=False)
    is_whole: bool = field(compare=False, default=False)

    @classmethod
    def parse(cls, value: object) -> SubjectFormat:
        """A format from the text in a file. Raises ValueError."""
        if isinstance(value, SubjectFormat):
            return value
        if not isinstance(value, str):
            raise ValueError("a subject format is a text")  # noqa: TRY004 - pydantic collects ValueError only
        if Template.parse(value).parts == (DISTINGUISHED_NAME,):
            return cls(value, (), is_whole=True)
        try:
            rdns = split_rdns(value)
        except MalformedMessage as error:
            raise ValueError(error.reason) from None
        taken = [tuple((oid, _sound(Template.parse(text))) for oid, text in rdn) for rdn in reversed(rdns)]
        return cls(value, tuple(taken))

    def variables(self) -> Iterator[Variable]:
        """Those in it."""
        if self.is_whole:
            yield DISTINGUISHED_NAME
        for rdn in self.rdns:
            for _, template in rdn:
                yield from template.variables()

    def types(self) -> Iterator[str]:
        """The attribute types it names, dotted."""
        return (oid for rdn in self.rdns for oid, _ in rdn)

    def build(self, attributes: Attributes, holder: Holder) -> Name:
        """The subject. Raises PolicyViolation, also for a value that its attribute cannot hold."""
        try:
            if self.is_whole:
                return Name.from_text(DISTINGUISHED_NAME.value(attributes, holder))
            filled = [
                [(oid, template.fill(attributes, holder)) for oid, template in rdn] for rdn in self.rdns
            ]
            return Name.build_rdns(filled)
        except MalformedMessage as error:
            raise refusal("The subject cannot be made", error.reason) from None


@dataclass(frozen=True, slots=True)
class SANFormat:
    """A kind and its text. `sid`: it is the SAN URI of strong mapping, whatever else the text says."""

    source: str
    kind: str = field(compare=False)
    template: Template = field(compare=False)
    sid: bool = field(compare=False, default=False)

    @classmethod
    def parse(cls, value: object) -> SANFormat:
        """A format from the text in a file. Raises ValueError."""
        if isinstance(value, SANFormat):
            return value
        kind, colon, text = str(value).partition(":")
        if not isinstance(value, str) or not colon or kind not in KINDS:
            raise ValueError(f"an alternative name is written as {', '.join(KINDS)}, a colon and its format")
        template = Template.parse(text)
        if kind == "uri" and template.parts in ((SID,), (SID_URI, SID)):
            return cls(value, kind, template, sid=True)
        return cls(value, kind, _sound(template))

    def build(self, attributes: Attributes, holder: Holder) -> GeneralName:
        """The name. Raises PolicyViolation."""
        text = self.template.fill(attributes, holder)
        if self.sid:  # Intune, too, puts the prefix before a URI that is the variable alone
            text = SID_URI + text.removeprefix(SID_URI)
        return san_from_text(f"{self.kind}:{text}")


def _sound(template: Template) -> Template:
    if SID in template.parts:
        raise ValueError(f"{SID} can only be a SAN of its own: uri:{SID}")
    return template


SubjectFormatText = Annotated[SubjectFormat, PlainValidator(SubjectFormat.parse)]
SANFormatText = Annotated[SANFormat, PlainValidator(SANFormat.parse)]
