"""Whether the CA's certificates reach every group that a SCEP profile of ours reaches: without its root a device never
asks, and says nothing."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from shared.intune.graph_call import call, everything
from shared.intune.setup.certificates import SCEP_TYPES
from shared.intune.setup.draft import CONFIGURATIONS, PLATFORM_NAMES, Platform
from shared.intune.setup.trust import TYPES as TRUST_TYPES
from shared.intune.wire import Wire
from shared.x509.certificate import Certificate

PERMISSION: Final = "DeviceManagementConfiguration.Read.All"
_PREFIX: Final = "#microsoft.graph."
_EVERYBODY: Final = {
    "#microsoft.graph.allDevicesAssignmentTarget": "all devices",
    "#microsoft.graph.allLicensedUsersAssignmentTarget": "all users",
}


@dataclass(frozen=True, slots=True)
class Gap:
    """What was found of one SCEP profile and one certificate of the CA."""

    what: str
    ok: bool
    text: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """`urls` are the SCEP URLs of this integration's profiles, `certificates` the issuing CA's and its chain, root
    last."""

    urls: Sequence[str]
    certificates: Sequence[Certificate]

    def gaps(self, wire: Wire) -> Iterator[Gap]:
        """A line for each pair, good ones too. Raises IntuneUnavailable, PermissionMissing."""
        every = everything(wire, _address(wire, ""), PERMISSION)
        ours = scep_profiles(every, self.urls)
        if not ours:
            text = f"no SCEP profile in Intune has the URL {' or '.join(self.urls) or 'of a profile here'}"
            yield Gap("assignments", False, text, "manage.py intune profiles --apply, then assign them")
        for platform, profile in ours:
            yield from self._of_profile(wire, platform, profile, every)

    def _of_profile(
        self, wire: Wire, platform: Platform, profile: Mapping[str, Any], every: Sequence[Mapping[str, Any]]
    ) -> Iterator[Gap]:
        name, wanted = str(profile.get("displayName")), _targets(wire, profile)
        what = f"assignments of {name}"
        if not wanted:
            yield Gap(what, False, "assigned to nobody", "assign it to the groups of its devices or users")
            return
        yield self._bound_root(wire, what, profile)
        for certificate in self.certificates:
            subject = certificate.subject.text()
            trusted = [each for each in every if _holds(each, platform, certificate)]
            reached = {target for each in trusted for target in _targets(wire, each)}
            left = sorted(wanted - reached) if not reached & set(_EVERYBODY.values()) else []
            remedy = f"assign a trusted certificate profile of {PLATFORM_NAMES[platform]} with it to the same groups"
            if not trusted:
                yield Gap(what, False, f"no trusted certificate profile has {subject}", remedy)
            elif left:
                yield Gap(what, False, f"{subject} does not reach {', '.join(left)}", remedy)
            else:
                yield Gap(what, True, f"{subject} reaches all of {len(wanted)} groups")

    def _bound_root(self, wire: Wire, what: str, profile: Mapping[str, Any]) -> Gap:
        """The certificate that the profile itself names has to be one of the CA's."""
        kind = str(profile["@odata.type"]).removeprefix(_PREFIX)
        url = _address(wire, f"/{profile['id']}/microsoft.graph.{kind}/rootCertificate")
        found = call(wire, "GET", url, PERMISSION, gone=True).document or {}
        der = _der(found)
        named = next((each.subject.text() for each in self.certificates if each.der == der), "")
        if named:
            return Gap(what, True, f"names {named}")
        remedy = "choose the trusted certificate profile of this CA in the SCEP profile"
        return Gap(what, False, "names a certificate that is none of this CA's", remedy)


def scep_profiles(
    every: Sequence[Mapping[str, Any]], urls: Sequence[str]
) -> list[tuple[Platform, Mapping[str, Any]]]:
    """SCEP profiles among configurations that lead to one of `urls`."""
    platforms = {f"{_PREFIX}{kind}": platform for platform, kind in SCEP_TYPES.items()}
    wanted = {url.rstrip("/").lower() for url in urls}
    return [
        (platforms[str(each.get("@odata.type"))], each)
        for each in every
        if str(each.get("@odata.type")) in platforms
        and wanted & {str(url).rstrip("/").lower() for url in each.get("scepServerUrls") or []}
    ]


def _targets(wire: Wire, profile: Mapping[str, Any]) -> set[str]:
    """Ids of groups, or "all devices" and "all users". Exclusions are not looked at."""
    found = everything(wire, _address(wire, f"/{profile['id']}/assignments"), PERMISSION)
    targets = [each.get("target") or {} for each in found]
    groups = {
        str(each.get("groupId"))
        for each in targets
        if each.get("@odata.type") == "#microsoft.graph.groupAssignmentTarget"
    }
    return groups | {
        _EVERYBODY[kind] for each in targets if (kind := str(each.get("@odata.type"))) in _EVERYBODY
    }


def _holds(profile: Mapping[str, Any], platform: Platform, certificate: Certificate) -> bool:
    return (
        profile.get("@odata.type") == f"{_PREFIX}{TRUST_TYPES[platform]}" and _der(profile) == certificate.der
    )


def _der(profile: Mapping[str, Any]) -> bytes:
    try:
        return b64decode(str(profile.get("trustedRootCertificate") or ""), validate=True)
    except ValueError:
        return b""


def _address(wire: Wire, path: str) -> str:
    return wire.tenant.graph(f"{CONFIGURATIONS}{path}", version="beta")
