"""Profiles by which a device gets a certificate (SCEP, PKCS, imported PFX), with a Scepter profile's values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.errors import PolicyViolation
from shared.intune.setup.draft import PLATFORM_NAMES, Draft, Platform
from shared.intune.setup.names import alternative_names, subject
from shared.intune.setup.trust import anchor
from shared.intune.setup.wishes import Wishes
from shared.policy.usages import purpose_name

SCEP_TYPES: Final[Mapping[Platform, str]] = {
    "windows": "windows81SCEPCertificateProfile",
    "ios": "iosScepCertificateProfile",
    "macos": "macOSScepCertificateProfile",
    "android": "androidDeviceOwnerScepCertificateProfile",
}
_PKCS_TYPES: Final[Mapping[Platform, str]] = {
    "windows": "windows10PkcsCertificateProfile",
    "ios": "iosPkcsCertificateProfile",
    "macos": "macOSPkcsCertificateProfile",
    "android": "androidDeviceOwnerPkcsCertificateProfile",
}
_PFX_TYPES: Final[Mapping[Platform, str]] = {
    "windows": "windows10ImportedPFXCertificateProfile",
    "ios": "iosImportedPFXCertificateProfile",
    "macos": "macOSImportedPFXCertificateProfile",
    "android": "androidDeviceOwnerImportedPFXCertificateProfile",
}
_KSP: Final = {
    "useTpmKspOtherwiseUseSoftwareKsp": "Enroll to TPM KSP if present, otherwise Software KSP",
    "useSoftwareKsp": "Enroll to Software KSP",
}
_LONGEST_DAYS: Final = 730  # Intune's 24 months
_THRESHOLD: Final[Mapping[Platform, int]] = {"windows": 20, "ios": 50, "macos": 20, "android": 20}
_USAGES: Final = {"keyEncipherment": "Key encipherment", "digitalSignature": "Digital signature"}
_SAN_NAMES: Final = {
    "universalResourceIdentifier": "URI",
    "userPrincipalName": "User principal name (UPN)",
    "emailAddress": "Email address",
    "domainNameService": "DNS",
}


def scep(wishes: Wishes, platform: Platform) -> Draft:
    """Raises PolicyViolation for a profile whose certificates Intune cannot have made."""
    usages, size, ksp = _key_usages(wishes), _key_size(wishes), _provider(wishes)
    common, rows, doubts = _common(wishes, platform)
    properties = common | {
        "scepServerUrls": [wishes.scep_url],
        "keyUsage": ",".join(usages),
        "keySize": f"size{size}",
    }
    rows += [
        ("Key usage", ", ".join(_USAGES[usage] for usage in usages)),
        ("Key size (bits)", str(size)),
        ("SCEP Server URLs", wishes.scep_url),
    ]
    if platform != "ios":
        properties["hashAlgorithm"] = "sha2"
        rows.append(("Hash algorithm", "SHA-2"))
    if platform == "windows":
        properties["keyStorageProvider"] = ksp
        rows.append(("Key storage provider (KSP)", _KSP[ksp]))
    if platform == "macos":
        properties["allowAllAppsAccess"] = True
        rows.append(("Allow all apps access to private key", "Enable"))
    if platform == "android":
        properties["certificateAccessType"] = "userApproval"
    root = anchor(wishes, platform)
    rows.append(("Root Certificate", f"the profile with the {root.partition('.')[2]} certificate"))
    return _draft(
        wishes,
        platform,
        "SCEP certificate",
        SCEP_TYPES[platform],
        properties,
        rows,
        {"rootCertificate": root},
        doubts,
    )


def pkcs(wishes: Wishes, platform: Platform) -> Draft:
    """It works through Microsoft's connector and an authority of its kind; Scepter has no part in it."""
    common, rows, doubts = _common(wishes, platform)
    authority, _, name = wishes.pkcs_authority.partition("\\")
    properties = common | {
        "certificationAuthority": authority,
        "certificationAuthorityName": name,
        "certificateTemplateName": wishes.pkcs_template,
    }
    rows += [
        ("Certification authority", authority or "<host>"),
        ("Certification authority name", name or "<name>"),
        ("Certificate template name", wishes.pkcs_template or "<template>"),
    ]
    if platform == "windows":
        properties["keyStorageProvider"] = _provider(wishes)
        rows.append(("Key storage provider (KSP)", _KSP[_provider(wishes)]))
    if platform == "macos":
        properties["allowAllAppsAccess"] = True
        rows.append(("Allow all apps access to private key", "Enable"))
    missing = (
        () if wishes.pkcs_authority and wishes.pkcs_template else ("--pkcs-authority", "--pkcs-template")
    )
    return _draft(
        wishes, platform, "PKCS certificate", _PKCS_TYPES[platform], properties, rows, {}, doubts, missing
    )


def imported_pfx(wishes: Wishes, platform: Platform) -> Draft:
    """For mail that was encrypted: each device of a user gets the same key."""
    properties: dict[str, Any] = {"intendedPurpose": "smimeEncryption"}
    rows = [("Profile type", "PKCS imported certificate"), ("Intended purpose", "S/MIME Encryption")]
    if platform == "windows":
        properties["keyStorageProvider"] = "useSoftwareKsp"
        rows.append(("Key storage provider (KSP)", _KSP["useSoftwareKsp"]))
    return _draft(
        wishes, platform, "PKCS imported certificate", _PFX_TYPES[platform], properties, rows, {}, ()
    )


def _common(
    wishes: Wishes, platform: Platform
) -> tuple[dict[str, Any], list[tuple[str, str]], tuple[str, ...]]:
    profile = wishes.profile
    name, doubts = subject(wishes)
    sans = list(alternative_names(profile, of_device=wishes.of_device))
    days = min(profile.validity, _LONGEST_DAYS)
    purposes = profile.extended_key_usage.default or profile.extended_key_usage.allowed
    store = "machine" if wishes.of_device else "user"
    properties: dict[str, Any] = {
        "renewalThresholdPercentage": _THRESHOLD[platform],
        "subjectNameFormat": "custom",
        "subjectNameFormatString": name,
        "subjectAlternativeNameType": "none",
        "customSubjectAlternativeNames": [{"sanType": kind, "name": value} for kind, value in sans],
        "certificateValidityPeriodValue": days,
        "certificateValidityPeriodScale": "days",
        "extendedKeyUsages": [{"name": purpose_name(each), "objectIdentifier": each} for each in purposes],
        "certificateStore": store,
    }
    rows = [
        ("Certificate type", "Device" if wishes.of_device else "User"),
        ("Subject name format", name),
        *(("Subject alternative name", f"{_SAN_NAMES[kind]}: {value}") for kind, value in sans),
        ("Certificate validity period", f"{days} days"),
        *(("Extended key usage", f"{purpose_name(each)} ({each})") for each in purposes),
        ("Renewal threshold (%)", str(_THRESHOLD[platform])),
    ]
    return properties, rows, doubts


def _draft(  # noqa: PLR0913 - each is a column
    wishes: Wishes,
    platform: Platform,
    kind: str,
    graph_type: str,
    properties: Mapping[str, Any],
    rows: list[tuple[str, str]],
    links: Mapping[str, str],
    doubts: tuple[str, ...],
    missing: tuple[str, ...] = (),
) -> Draft:
    what = kind.removesuffix(" certificate")
    return Draft(
        key=f"{platform}.{what}",
        platform=platform,
        step=3,
        kind=kind,
        name=wishes.name(PLATFORM_NAMES[platform], what),
        type=graph_type,
        properties=properties,
        rows=rows,
        links=links,
        missing=missing,
        note="; ".join(doubts),
    )


def _key_usages(wishes: Wishes) -> list[str]:
    rule = wishes.profile.key_usage
    granted = rule.default or rule.allowed
    return [usage for usage in _USAGES if usage in granted]


def _key_size(wishes: Wishes) -> int:
    """The size that Intune offers and the profile takes."""
    sizes = [int(each.partition("-")[2]) for each in wishes.profile.key if each.startswith("RSA-")]
    if not sizes:
        text = f"Profile {wishes.profile.name} takes no RSA keys, and Intune's SCEP profiles make no others."
        raise PolicyViolation(text, public=text)
    return 2048 if min(sizes) <= 2048 else 4096


def _provider(wishes: Wishes) -> str:
    """A TPM makes keys of 2048 bits."""
    return "useTpmKspOtherwiseUseSoftwareKsp" if _key_size(wishes) == 2048 else "useSoftwareKsp"
