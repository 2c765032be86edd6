"""Who may vouch for requests besides Intune: callers that order challenges, and static challenges.

The file names them and says what they may vouch for; their secrets are settings.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from shared.errors import PolicyViolation
from shared.policy.alternative_names import SANKind
from shared.policy.entry import Entry, contradiction
from shared.policy.patterns import Pattern, PatternText
from shared.policy.refusal import quoted, refusal
from shared.policy.subject import AttributeType, attribute_oid, one_each
from shared.x509.general_names import GeneralName
from shared.x509.names import Name

PFXPermission = Literal["stored", "brought", "recipient"]
PFX_PERMISSIONS: tuple[PFXPermission, ...] = get_args(PFXPermission)

VoucherName = Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]


_MAY_NOT: dict[PFXPermission, str] = {
    "stored": "This caller may not ask for stored parcels.",
    "brought": "This caller may not bring parcels of its own.",
    "recipient": "This caller may not name a recipient whose certificate was not issued here to that device.",
}


class Voucher(Entry):
    """What callers and static challenges share: their name, their profiles, and names they must keep to.

    `subject` and `san` hold patterns by attribute type and kind. They narrow the profile's rules:
    where such a table is given, what it does not hold may not be named at all.
    """

    name: VoucherName
    profiles: Annotated[tuple[str, ...], Field(min_length=1)]
    subject: Annotated[dict[AttributeType, PatternText], AfterValidator(one_each)] = Field(
        default_factory=dict
    )
    san: dict[SANKind, PatternText] = Field(default_factory=dict)

    def check(self, profile: str, subject: Name, sans: Sequence[GeneralName]) -> None:
        """Raises PolicyViolation unless this one may vouch for such names under the profile."""
        if profile not in self.profiles:
            raise refusal("The profile is not allowed here", f"{self.name} and {quoted(profile)}")
        if self.subject:
            patterns = {attribute_oid(short): pattern for short, pattern in self.subject.items()}
            for attribute in subject.attributes():
                self._check("subject attribute", attribute.oid, attribute.value, patterns.get(attribute.oid))
        if self.san:
            kinds = {str(kind): pattern for kind, pattern in self.san.items()}
            for san in sans:
                self._check("SAN", san.kind, san.value, kinds.get(san.kind))

    def _check(self, what: str, kind: str, value: str, pattern: Pattern | None) -> None:
        if pattern is None or not pattern.matches(value):
            limit = pattern.source if pattern else "to be named at all"
            raise refusal(
                f"A {what} is not one that may be named here",
                f"{self.name}: {kind} {quoted(value)}, not {limit}",
            )


class Caller(Voucher):
    """One `[[callers]]` entry: a program that may order sealed challenges, deliveries of imported PFX, or both.

    `pfx` says which deliveries: of parcels that are `stored` here, of those it has `brought` itself, and to a
    `recipient` whose certificate is not of our making; `pfx_users` whose PFX, by principal name.
    """

    profiles: Annotated[tuple[str, ...], Field(min_length=1)] = ()
    rate: Annotated[str, Field(pattern="^[1-9][0-9]{0,5}/(?:second|minute|hour|day)$")] = "60/minute"
    pfx: tuple[PFXPermission, ...] = ()
    pfx_users: PatternText | None = None

    @model_validator(mode="after")
    def _for_something(self) -> Self:
        if not self.profiles and not self.pfx:
            raise contradiction("give profiles, pfx, or both", "profiles")
        if self.pfx_users is not None and not self.pfx:
            raise contradiction("without pfx it has no effect", "pfx_users")
        if self.pfx and not {"stored", "brought"} & set(self.pfx):
            raise contradiction("allow stored or brought parcels, or both", "pfx")
        return self

    def check_pfx(self, permission: PFXPermission, user: str) -> None:
        """Raises PolicyViolation unless it may have PFX of `user` delivered in that way."""
        if permission not in self.pfx:
            reason = f"{self.name}: pfx in the policy file does not list {permission!r}"
            raise PolicyViolation(reason, public=_MAY_NOT[permission])
        if self.pfx_users is not None and not self.pfx_users.matches(user):
            reason = f"{self.name}: user {quoted(user)} does not match pfx_users"
            raise PolicyViolation(reason, public="This caller may not ask for that user.")


class StaticChallenge(Voucher):
    """One `[[static_challenges]]` entry: a shared secret that devices present."""

    expires: date | None = None
    max_uses: Annotated[int, Field(ge=1, le=1_000_000)] | None = None

    def has_expired(self, now: datetime) -> bool:
        """Whether the day `expires` (UTC) is over."""
        return self.expires is not None and now.astimezone(UTC).date() > self.expires
