"""Subject and alternative names for a certificate profile in Intune that fit the rules of a Scepter profile. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from shared.intune.setup.wishes import Wishes
from shared.policy.patterns import Pattern
from shared.policy.profile import Profile

_GUID: Final = "0d0c0b0a-1111-2222-3333-445566778899"
_SAMPLES: Final[Mapping[str, str]] = {
    "{{AAD_Device_ID}}": _GUID,
    "{{DeviceId}}": _GUID,
    "{{DeviceName}}": "laptop-0042",
    "{{SerialNumber}}": "5CG1234ABC",
    "{{UserName}}": "ann",
    "{{UserPrincipalName}}": "ann@example.org",
    "{{EmailAddress}}": "ann@example.org",
    "{{FullyQualifiedDomainName}}": "laptop-0042.example.org",
    "IntuneDeviceId://{{DeviceId}}": f"IntuneDeviceId://{_GUID}",
}
"""What Intune puts in place of a variable looks like this."""
_DEVICE: Final[Mapping[str, tuple[str, ...]]] = {
    "CN": ("{{AAD_Device_ID}}", "{{DeviceName}}", "{{SerialNumber}}"),
    "serialNumber": ("{{SerialNumber}}",),
}
_USER: Final[Mapping[str, tuple[str, ...]]] = {
    "CN": ("{{UserPrincipalName}}", "{{UserName}}"),
    "E": ("{{EmailAddress}}",),
    "GN": ("{{GivenName}}",),
    "SN": ("{{SurName}}",),
}
_SANS: Final = (
    # Kind in the profile, Graph's name of it, whether it fits devices, what stands there.
    ("uri", "universalResourceIdentifier", True, ("IntuneDeviceId://{{DeviceId}}",)),
    ("upn", "userPrincipalName", False, ("{{UserPrincipalName}}",)),
    ("email", "emailAddress", False, ("{{EmailAddress}}",)),
    ("dns", "domainNameService", True, ("{{DeviceName}}", "{{FullyQualifiedDomainName}}")),
)
_SID: Final = ("universalResourceIdentifier", "{{OnPremisesSecurityIdentifier}}")


def subject(wishes: Wishes) -> tuple[str, tuple[str, ...]]:
    """The subject in Intune's form, and what in it nobody but the administrator can say."""
    known = _DEVICE if wishes.of_device else _USER
    parts, doubts = [], []
    for short, rule in wishes.profile.subject.items():
        value, fits = _chosen(known.get(short, ()), rule.pattern)
        if short not in known:
            if value is None and not rule.required:
                continue
            value = value or f"<{short}>"
        if value is None:
            continue
        parts.append(f"{short}={_quoted(value)}")
        if not fits:
            doubts.append(f"{short} has to match {rule.pattern.source if rule.pattern else 'the profile'}")
    return ",".join(parts), tuple(doubts)


def alternative_names(profile: Profile, *, of_device: bool) -> Iterator[tuple[str, str]]:
    """Kind (Graph's word) and value of each SAN that the profile takes and Intune can fill in."""
    for kind, graph, devices, candidates in _SANS:
        rule = profile.san.rule(kind)
        if rule is None or (of_device and not devices):
            continue
        value, fits = _chosen(candidates, rule.pattern)
        needed = rule.required or kind in profile.san.at_least_one_of
        if value is not None and (needed or (fits and kind != "dns")):
            yield graph, value
    if profile.strong_mapping != "off":
        yield _SID


def _chosen(candidates: tuple[str, ...], pattern: Pattern | None) -> tuple[str | None, bool]:
    """The first candidate whose like matches; else what the pattern itself is if it is plain text; else the first."""
    for candidate in candidates:
        if pattern is None or pattern.matches(_SAMPLES.get(candidate, candidate)):
            return candidate, True
    if pattern is not None and pattern.matches(pattern.source):
        return pattern.source, True
    return (candidates[0], False) if candidates else (None, False)


def _quoted(value: str) -> str:
    """Intune compares escaped values wrongly: they stand between double quotes."""
    return f'"{value}"' if set(value) & set(",+;=") else value
