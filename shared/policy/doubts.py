"""What a policy file allows although it is rarely meant: warnings for the administrator, not obstacles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from shared.asn1 import oids
from shared.policy.alternative_names import SAN_KINDS
from shared.policy.callers import Caller, StaticChallenge
from shared.policy.patterns import Pattern
from shared.policy.pkcs import PKCSRules
from shared.policy.profile import Profile
from shared.policy.subject import attribute_oid
from shared.policy.subject_variables import DEVICE_ID

_SHORT_LIFE = 5  # days; below it devices that sleep over a weekend miss their renewal
_DEVICE_CHOSEN = {oids.SERIAL_NUMBER}


def doubts(
    profiles: Mapping[str, Profile], callers: Sequence[Caller], statics: Sequence[StaticChallenge]
) -> list[str]:
    """One sentence per doubt, in the order of the file."""
    vouched = {name for voucher in (*callers, *statics) for name in voucher.profiles}
    found = []
    for name, profile in profiles.items():
        found += [f"profiles.{name}: {doubt}" for doubt in _in_profile(profile)]
        if profile.challenge == "pkcs" and name not in vouched:
            found.append(f"profiles.{name}: no caller may order for it")
        elif profile.challenge != "intune" and name not in vouched:
            found.append(f"profiles.{name}: nobody can make a challenge for it, so nobody can enrol")
    for caller in callers:
        found += [f"callers.{caller.name}: {doubt}" for doubt in _in_caller(caller)]
    for static in statics:
        found += [f"static_challenges.{static.name}: {doubt}" for doubt in _in_static(static)]
    return found


def _in_caller(caller: Caller) -> Iterator[str]:
    everybody = caller.pfx_users is None or caller.pfx_users.is_open
    if everybody and {"stored", "recipient"} <= set(caller.pfx):
        yield "whoever has its secret can have every user's imported PFX sealed to a key of their own"


def _in_static(static: StaticChallenge) -> Iterator[str]:
    if static.expires is None:
        yield "it never expires"
    for table, limits in (("subject", static.subject), ("san", static.san)):
        if not limits:
            yield f"without {table} patterns, whoever knows it may name anybody the profiles allow"


def _in_profile(profile: Profile) -> Iterator[str]:
    yield from _about_names(profile)
    yield from _about_time(profile)
    if profile.pkcs is not None:
        yield from _about_pkcs(profile, profile.pkcs)
    if "nonRepudiation" in profile.key_usage.allowed and {"ios", "macos"} & set(profile.platforms):
        yield "nonRepudiation: the SCEP payload of Apple devices knows signing and encryption only"
    if oids.EKU_CERTIFICATE_REQUEST_AGENT in profile.extended_key_usage.allowed:
        yield "an enrolment agent may request certificates in anybody's name"
    if profile.legacy_algorithms:
        yield "legacy_algorithms accepts MD5, SHA-1, DES and 3DES, which attackers can break"


def _about_names(profile: Profile) -> Iterator[str]:
    for short, attribute in profile.subject.items():
        if _is_open(attribute.pattern):
            yield f"subject.{short} accepts any value"
        if profile.challenge == "intune" and attribute_oid(short) in _DEVICE_CHOSEN:
            yield f"subject.{short} is reported by the device itself and proves nothing"
    for kind in SAN_KINDS:
        rule = profile.san.rule(kind)
        if rule is None:
            continue
        if _is_open(rule.pattern):
            yield f"san.{kind} accepts any value"
        if profile.challenge == "intune" and kind == "dns":
            yield "san.dns is reported by the device itself and proves nothing"


def _about_time(profile: Profile) -> Iterator[str]:
    if profile.validity < _SHORT_LIFE:
        yield f"validity is shorter than {_SHORT_LIFE} days: devices that are off for a while miss renewal"
    if profile.certificate_only_renewal and profile.renewal_window.length(profile.life) >= profile.life:
        yield "renewal_window is as long as the whole validity: a certificate may renew from its first day"


def _about_pkcs(profile: Profile, rules: PKCSRules) -> Iterator[str]:
    for where, variable in dict.fromkeys(rules.variables()):
        if variable.reported:
            yield f"pkcs.{where}: {variable} is reported by the device itself and proves nothing"
        if (where, variable) == ("subject", DEVICE_ID) and (
            not profile.platforms or "windows" in profile.platforms
        ):
            yield f"pkcs.subject: {variable} can keep Windows devices from synchronising"
    if rules.encoding == "legacy":
        yield "pkcs.encoding: 3DES and SHA-1 are for platforms that read nothing else"
    if rules.recipient == "bare-key":
        yield "pkcs.recipient: with bare-key the caller alone says who can open the delivery"
    if "cms-pkcs1" in rules.sealing:
        yield "pkcs.sealing: cms-pkcs1 is open to padding oracles on the device"


def _is_open(pattern: Pattern | None) -> bool:
    return pattern is None or pattern.is_open
