"""What a profile says of certificates whose key is made here: `[profiles.<name>.pkcs]`, and what fits beside it.

docs/profiles.md describes every field, docs/pkcs.md what happens.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import Field, field_validator

from shared.policy.entry import Entry, contradiction
from shared.policy.name_formats import SANFormat, SANFormatText, SubjectFormat, SubjectFormatText
from shared.policy.strong_mapping import check_sid
from shared.policy.subject import attribute_oid
from shared.policy.subject_variables import SID, Attributes, Holder, Variable
from shared.x509.general_names import GeneralName
from shared.x509.names import SHORT_NAMES, Name

if TYPE_CHECKING:
    from shared.policy.profile import Profile

REQUEST_LIFE: Final = timedelta(hours=24)
"""A request is served within this time or not at all: device events count on it."""

SealingForm = Literal["rsa-oaep-256", "cms", "cms-pkcs1"]
_WITHOUT_EFFECT: Final = ("approval", "certificate_only_renewal", "supersede", "legacy_algorithms")


class PKCSRules(Entry):
    """How the names are made, how the PFX is written, and whom its password is sealed to."""

    subject: SubjectFormatText
    san: tuple[SANFormatText, ...] = ()
    encoding: Literal["modern", "legacy"] = "modern"
    recipient: Literal["issued-certificate", "bare-key"] = "issued-certificate"
    sealing: Annotated[tuple[SealingForm, ...], Field(min_length=1)] = ("cms",)

    @field_validator("sealing")
    @classmethod
    def _each_once(cls, value: tuple[SealingForm, ...]) -> tuple[SealingForm, ...]:
        if len(set(value)) != len(value):
            raise contradiction("a form is named twice")
        return value

    def names(self, attributes: Attributes, holder: Holder) -> tuple[Name, tuple[GeneralName, ...]]:
        """Subject and alternative names. Raises PolicyViolation, which names what is missing."""
        subject = self.subject.build(attributes, holder)
        return subject, tuple(san.build(attributes, holder) for san in self.san)

    def sid(self, attributes: Attributes, holder: Holder) -> str:
        """The account's security identifier. Raises PolicyViolation if it is missing or none."""
        return check_sid(SID.value(attributes, holder))

    def variables(self) -> Iterator[tuple[str, Variable]]:
        """Where in the table, and which."""
        for variable in self.subject.variables():
            yield "subject", variable
        for san in self.san:
            for variable in san.template.variables():
                yield "san", variable


def check_pkcs(profile: Profile) -> None:
    """Raises a contradiction unless the profile's `pkcs` table and the rest of it fit together."""
    rules = profile.pkcs
    if (profile.challenge == "pkcs") is (rules is None):
        raise contradiction('challenge = "pkcs" and the table pkcs belong together', "challenge")
    if rules is None:
        return
    for name in _WITHOUT_EFFECT:
        if name in profile.model_fields_set and getattr(profile, name):
            raise contradiction('it has no effect with challenge = "pkcs"', name)
    if len(profile.key) != 1 or profile.key[0] == "P-521":
        raise contradiction(
            "one kind of key is made here: RSA-2048, RSA-3072, RSA-4096, P-256 or P-384", "key"
        )
    for where, variable in rules.variables():
        if profile.holder == "device" and variable.of == "user":
            raise contradiction(f"{variable} is of a user, and the profile is for devices", "pkcs", where)
    _check_subject(profile, rules.subject)
    for san in rules.san:
        _check_san(profile, san)
    if profile.strong_mapping == "required" and not any(san.sid for san in rules.san):
        raise contradiction(f"san makes no URI with {SID}, which strong_mapping needs", "strong_mapping")


def _check_subject(profile: Profile, subject: SubjectFormat) -> None:
    known = {attribute_oid(short) for short in profile.subject}
    for oid in subject.types():
        if oid not in known:
            name = next((short for short, dotted in SHORT_NAMES.items() if dotted == oid), oid)
            raise contradiction(f"the profile's subject has no rule for {name}", "pkcs", "subject")


def _check_san(profile: Profile, san: SANFormat) -> None:
    if san.sid and profile.strong_mapping == "off":
        raise contradiction(f"{SID} in a SAN needs strong_mapping", "pkcs", "san")
    if not san.sid and profile.san.rule(san.kind) is None:
        raise contradiction(f"the profile's san has no rule for {san.kind}", "pkcs", "san")
