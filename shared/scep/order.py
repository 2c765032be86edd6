"""An order for a sealed challenge: what a caller asks to be promised, and whether it may be."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.errors import MalformedMessage, PolicyViolation
from shared.policy.alternative_names import san_from_text
from shared.policy.callers import Caller
from shared.policy.owner import check_owner, check_validity
from shared.policy.profile import Profile
from shared.policy.public_key import KeyAlgorithm, KeyPolicy
from shared.policy.refusal import refusal
from shared.policy.usages import KeyUsageName, Purpose
from shared.x509.names import Name

MAX_ORDER_BYTES = 32 * 1024
_Text = Annotated[str, Field(max_length=512)]


class ChallengeOrder(BaseModel):
    """The body of an order.

    `subject`: RFC 4514 text; `sans`: `kind:value`; `device`, `user`: the owner's ids as events name them;
    `key`, `key_usage`, `extended_key_usage`: at most these, else what the profile allows; `validity_days` and
    `lifetime_minutes` (of the challenge) can only shorten the profile's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)

    profile: _Text
    subject: Annotated[str, Field(max_length=2048)]
    sans: Annotated[tuple[_Text, ...], Field(max_length=100)] = ()
    device: Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f/\\#?]*$")] = ""
    user: Annotated[str, Field(max_length=256, pattern=r"^[^\x00-\x1f/\\#?]*$")] = ""
    key: tuple[KeyAlgorithm, ...] | None = None
    key_usage: Annotated[tuple[KeyUsageName, ...], Field(min_length=1)] | None = None
    extended_key_usage: tuple[Purpose, ...] | None = None
    validity_days: Annotated[int, Field(ge=1)] | None = None
    lifetime_minutes: Annotated[int, Field(ge=1)] | None = None

    @classmethod
    def parse(cls, body: bytes) -> ChallengeOrder:
        """From JSON. Raises MalformedMessage; its public text names the wrong fields, no values."""
        if len(body) > MAX_ORDER_BYTES:
            raise MalformedMessage("an order that is too large", public="The order is too large.")
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            text = "; ".join(f"{_field(item['loc'])}: {item['msg']}" for item in details)
            raise MalformedMessage(f"unreadable order: {text}", public=f"The order: {text}.") from None


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"


def check_order(order: ChallengeOrder, caller: Caller, profile: Profile) -> None:
    """Raises PolicyViolation, all detail in its public text: the caller is known and must mend the order."""
    try:
        subject = Name.from_text(order.subject)
        sans = tuple(san_from_text(text) for text in order.sans)
        caller.check(profile.name, subject, sans)
        profile.check_names(subject, sans)
        check_owner(profile, order.user)
        _check_usages(order, profile)
        _check_times(order, profile)
    except (MalformedMessage, PolicyViolation) as error:
        raise PolicyViolation(error.reason, public=f"The order: {error.reason}.") from None


def _check_usages(order: ChallengeOrder, profile: Profile) -> None:
    profile.key_usage.check(order.key_usage or ())
    profile.extended_key_usage.check(order.extended_key_usage or ())
    if order.key is None:
        return
    try:
        policy = KeyPolicy(order.key)
    except ValueError as error:
        raise refusal("key", str(error)) from None
    if not profile.key_policy.covers(policy):
        raise refusal("key goes beyond the profile", f"allowed are {', '.join(profile.key)}")


def _check_times(order: ChallengeOrder, profile: Profile) -> None:
    if order.lifetime_minutes is not None and order.lifetime_minutes > profile.challenge_lifetime:
        raise refusal("lifetime_minutes is too long", f"at most {profile.challenge_lifetime}")
    check_validity(profile, order.validity_days)
