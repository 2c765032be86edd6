"""A certificate profile: what may be certified, for whom, on whose word, and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from shared.policy.alternative_names import SANRules, check_sans
from shared.policy.authorization import Grant, MadeHere, refuse_ca_request, template
from shared.policy.entry import Entry, contradiction
from shared.policy.events import EventRules
from shared.policy.periods import Grace, RenewalWindow, RenewalWindowText
from shared.policy.pkcs import REQUEST_LIFE, PKCSRules, check_pkcs
from shared.policy.public_key import KeyAlgorithm, KeyPolicy, family_of
from shared.policy.refusal import refusal
from shared.policy.strong_mapping import StrongMapping, mapped_sid
from shared.policy.subject import AttributeRule, AttributeType, check_subject, one_each
from shared.policy.usages import ExtendedKeyUsageRule, KeyUsageRule
from shared.x509.certificate import CertificateTemplate
from shared.x509.general_names import GeneralName
from shared.x509.names import Name
from shared.x509.request import CertificateRequest

ProfileName = Annotated[str, Field(pattern="^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$")]
Platform = Literal["windows", "ios", "macos", "android", "linux"]
_APPLE = frozenset({"ios", "macos"})


class Profile(Entry):
    """One `[profiles.<name>]` table. docs/profiles.md describes every field."""

    name: ProfileName
    title: Annotated[str, Field(min_length=1, max_length=100)]
    holder: Literal["device", "user"]
    challenge: Literal["sealed", "static", "intune", "pkcs"]
    integration: ProfileName = "default"
    ca: ProfileName = "default"
    approval: bool = False
    approval_days: Annotated[int, Field(ge=1, le=90)] = 7
    platforms: tuple[Platform, ...] = ()
    subject: Annotated[dict[AttributeType, AttributeRule], AfterValidator(one_each)] = Field(
        default_factory=dict
    )
    san: SANRules = SANRules()
    strong_mapping: StrongMapping = "off"
    sid_extension: bool = False
    key: tuple[KeyAlgorithm, ...] = ("RSA-2048",)
    key_usage: KeyUsageRule
    extended_key_usage: ExtendedKeyUsageRule = ExtendedKeyUsageRule()
    validity: Annotated[int, Field(ge=1, le=3660)]
    certificate_only_renewal: bool = False
    renewal_window: RenewalWindowText = RenewalWindow(percent=20)
    supersede: Grace = timedelta(days=7)
    challenge_lifetime: Annotated[int, Field(ge=1, le=10080)] = 60
    reply: Literal["leaf", "issuer", "chain"] = "issuer"
    legacy_algorithms: bool = False
    pkcs: PKCSRules | None = None
    events: EventRules = EventRules()

    @field_validator("key")
    @classmethod
    def _one_policy(cls, value: tuple[KeyAlgorithm, ...]) -> tuple[KeyAlgorithm, ...]:
        KeyPolicy(value)
        return value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Profile:
        if self.sid_extension and self.strong_mapping == "off" and self.challenge != "pkcs":
            raise contradiction(
                "it is derived from the SAN URI, so strong_mapping must be on", "sid_extension"
            )
        if self.strong_mapping != "off" and self.challenge == "static":
            raise contradiction(
                "a static challenge vouches for no account, so it must be off", "strong_mapping"
            )
        if self.certificate_only_renewal and self.challenge == "intune":
            raise contradiction("Intune has to see every request", "certificate_only_renewal")
        if "renewal_window" in self.model_fields_set and not self.certificate_only_renewal:
            raise contradiction("it has no effect without certificate_only_renewal", "renewal_window")
        if "challenge_lifetime" in self.model_fields_set and self.challenge != "sealed":
            raise contradiction("it has no effect on challenges made elsewhere", "challenge_lifetime")
        if "integration" in self.model_fields_set and self.challenge != "intune":
            raise contradiction('it has no effect without challenge = "intune"', "integration")
        self._check_approval()
        check_pkcs(self)
        return self

    def _check_approval(self) -> None:
        if self.approval and self.challenge == "intune":
            raise contradiction("Intune has decided already, and waits to hear of the outcome", "approval")
        if "approval_days" in self.model_fields_set and not self.approval:
            raise contradiction("it has no effect without approval", "approval_days")

    @model_validator(mode="after")
    def _usages_for_each_key(self) -> Profile:
        for family in sorted(self.key_policy.families):
            if not self.key_usage.unasked(family):
                raise contradiction(
                    f"the default leaves nothing that a key of kind {family} can serve", "key_usage"
                )
        return self

    @property
    def life(self) -> timedelta:
        """The longest life of a certificate."""
        return timedelta(days=self.validity)

    @property
    def patience(self) -> timedelta:
        """How long a request waits for its approval, and an approved one for its device."""
        return timedelta(days=self.approval_days)

    @property
    def promise_life(self) -> timedelta:
        """How long after it was ordered a certificate may still be issued on the strength of that order."""
        if self.challenge == "sealed":
            return timedelta(minutes=self.challenge_lifetime)
        return REQUEST_LIFE if self.challenge == "pkcs" else timedelta(0)

    @cached_property
    def key_policy(self) -> KeyPolicy:
        """Which public keys may be certified."""
        return KeyPolicy(self.key)

    @property
    def is_apple_only(self) -> bool:
        """Whether all its devices are Apple's, whose clients know no requested validity."""
        return bool(self.platforms) and set(self.platforms) <= _APPLE

    def check_names(self, subject: Name, sans: Sequence[GeneralName]) -> str | None:
        """The SID that the names prove, if strong mapping is on. Raises PolicyViolation."""
        check_subject(subject, self.subject)
        check_sans(sans, self.san)
        if not subject.rdns and not sans:
            raise refusal("The request names nobody: subject and SAN are both empty")
        return mapped_sid(sans, self.strong_mapping)

    def grant(self, request: CertificateRequest) -> Grant:
        """What the request is good for. Raises PolicyViolation, AlgorithmRefused, MalformedMessage."""
        self.key_policy.check(request.public_key)
        refuse_ca_request(request)
        sid = self.check_names(request.subject, request.sans)
        return Grant(
            key_usage=self.key_usage.granted(request.key_usage, family_of(request.public_key)),
            extended_key_usage=self.extended_key_usage.granted(request.extended_key_usage),
            sid=sid if self.sid_extension else None,
        )

    def authorize(
        self,
        request: CertificateRequest,
        *,
        now: datetime,
        backdate: timedelta = timedelta(0),
        validity: timedelta | None = None,
        grant: Grant | None = None,
    ) -> CertificateTemplate:
        """Everything of the certificate but serial and issuer.

        `validity` is what the challenge promised; it shortens the profile's, except on Apple-only profiles. `grant`
        is what the method of that name gave for this very request, if it was asked before.
        Raises PolicyViolation, AlgorithmRefused, MalformedMessage.
        """
        life = self.life if validity is None or self.is_apple_only else min(self.life, validity)
        return template(request, grant or self.grant(request), now=now, backdate=backdate, life=life)

    def authorize_made(
        self,
        made: MadeHere,
        public_key: object,
        *,
        sid: str | None,
        now: datetime,
        backdate: timedelta,
        validity: timedelta | None = None,
    ) -> CertificateTemplate:
        """The same for a key that was made here, whose usages are the profile's defaults; `sid` is the account that was
        named for the extension. Raises PolicyViolation, AlgorithmRefused."""
        self.key_policy.check(public_key)
        self.check_names(made.subject, made.sans)
        grant = Grant(
            key_usage=self.key_usage.unasked(family_of(public_key)),
            extended_key_usage=self.extended_key_usage.granted(None),
            sid=sid if self.sid_extension else None,
        )
        life = self.life if validity is None or self.is_apple_only else min(self.life, validity)
        return template(made, grant, now=now, backdate=backdate, life=life)

    def renewal_open(self, not_before: datetime, not_after: datetime, now: datetime) -> bool:
        """Whether a certificate alone may renew itself now."""
        return self.certificate_only_renewal and self.renewal_window.is_open(not_before, not_after, now)
