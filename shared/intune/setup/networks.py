"""Profiles that use a certificate: Wi-Fi with EAP-TLS, VPN, mail with S/MIME. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from shared.intune.setup.draft import PLATFORM_NAMES, Draft, Platform
from shared.intune.setup.wishes import Wishes

_WIFI_TYPES: Final[Mapping[Platform, str]] = {
    "windows": "windowsWifiEnterpriseEAPConfiguration",
    "ios": "iosEnterpriseWiFiConfiguration",
    "macos": "macOSEnterpriseWiFiConfiguration",
    "android": "androidDeviceOwnerEnterpriseWiFiConfiguration",
}
_VPN_TYPES: Final[Mapping[Platform, str]] = {
    "windows": "windows10VpnConfiguration",
    "ios": "iosVpnConfiguration",
    "macos": "macOSVpnConfiguration",
    "android": "androidDeviceOwnerVpnConfiguration",
}
_VPN_CLIENTS: Final[Mapping[Platform, tuple[str, str]]] = {
    "windows": ("ikEv2", "IKEv2"),
    "ios": ("ciscoAnyConnectV2", "Cisco AnyConnect"),
    "macos": ("ciscoAnyConnect", "Cisco AnyConnect"),
    "android": ("ciscoAnyConnect", "Cisco AnyConnect"),
}
PRIVACY: Final = "anonymous"
"""What is told of the identity before there is TLS."""


def wifi(wishes: Wishes, platform: Platform) -> Draft:
    """EAP-TLS: the server is validated by name and root, and learns nothing of the identity before that."""
    security = "wifiSecurityType" if platform == "windows" else "wiFiSecurityType"
    properties: dict[str, Any] = {
        "networkName": wishes.ssid,
        "ssid": wishes.ssid,
        "connectAutomatically": True,
        "connectWhenNetworkNameIsHidden": False,
        security: "wpaEnterprise" if platform == "android" else "wpa2Enterprise",
        "eapType": "eapTls",
        "authenticationMethod": "certificate",
        "trustedServerCertificateNames": list(wishes.servers),
        "outerIdentityPrivacyTemporaryValue": PRIVACY,
    }
    root = f"{platform}.root"
    links: dict[str, str | tuple[str, ...]] = {
        "identityCertificateForClientAuthentication": f"{platform}.SCEP"
    }
    if platform == "android":
        links["rootCertificateForServerValidation"] = root
    else:
        links["rootCertificatesForServerValidation"] = (root,)
    rows = [
        ("Wi-Fi type", "Enterprise"),
        ("SSID", wishes.ssid or "<SSID>"),
        ("EAP type", "EAP-TLS"),
        (
            "Certificate server names",
            ", ".join(wishes.servers) or "<names in the RADIUS server's certificate>",
        ),
        ("Root certificates for server validation", "the profile with the root certificate"),
        ("Authentication method", "SCEP certificate: the SCEP profile above"),
        ("Identity privacy (outer identity)", PRIVACY),
    ]
    missing = tuple(
        option for option, value in (("--ssid", wishes.ssid), ("--server-name", wishes.servers)) if not value
    )
    note = (
        "has the RADIUS server its certificate from another CA: name the profile with that one's root instead"
    )
    return _draft(wishes, platform, "Wi-Fi", _WIFI_TYPES[platform], properties, rows, links, missing, note)


def vpn(wishes: Wishes, platform: Platform) -> Draft:
    """On Windows a device's certificate opens a device tunnel, a user's a user tunnel."""
    client, shown = _VPN_CLIENTS[platform]
    server = {"address": wishes.vpn, "description": wishes.prefix, "isDefaultServer": True}
    properties: dict[str, Any] = {
        "connectionName": f"{wishes.prefix} VPN",
        "connectionType": client,
        "authenticationMethod": "certificate",
    }
    rows = [
        ("Connection type", shown),
        ("Server", wishes.vpn or "<host>"),
        ("Authentication method", "Certificates: the SCEP profile above"),
    ]
    if platform in ("windows", "android"):
        properties["servers"] = [server]
    else:
        properties |= {"server": server, "enableSplitTunneling": True}
    if platform == "windows":
        target = "device" if wishes.of_device else "user"
        tunnel = {"profileTarget": target, "enableDeviceTunnel": wishes.of_device, "enableAlwaysOn": True}
        properties |= tunnel
        rows += [("Always On", "Enable"), ("Device tunnel", "Enable" if wishes.of_device else "Disable")]
    other = "user" if wishes.of_device else "device"
    note = (
        f"the {other} tunnel: the same with a profile whose holder is the {other}"
        if platform == "windows"
        else ""
    )
    missing = () if wishes.vpn else ("--vpn-server",)
    links = {"identityCertificate": f"{platform}.SCEP"}
    return _draft(wishes, platform, "VPN", _VPN_TYPES[platform], properties, rows, links, missing, note)


def mail(wishes: Wishes, platform: Platform) -> Draft:
    """S/MIME of the mail client of iOS: signed with this device's key, encrypted for the imported one."""
    properties: dict[str, Any] = {
        "accountName": f"{wishes.prefix} mail",
        "hostName": wishes.mail,
        "requireSsl": True,
        "usernameSource": "userPrincipalName",
        "emailAddressSource": "primarySmtpAddress",
        "authenticationMethod": "usernameAndPassword",
        "useOAuth": True,
        "requireSmime": True,
        "smimeSigningEnabled": True,
        "signingCertificateType": "certificate",
        "encryptionCertificateType": "certificate",
        "smimeEnablePerMessageSwitch": True,
    }
    rows = [
        ("Email server", wishes.mail or "<host>"),
        ("S/MIME signing", "Enable: the SCEP profile above"),
        ("S/MIME encryption", "Enable: the profile of imported certificates above"),
        ("Per-message switch", "Enable"),
    ]
    links = {
        "smimeSigningCertificate": f"{platform}.SCEP",
        "smimeEncryptionCertificate": f"{platform}.PKCS imported",
    }
    missing = () if wishes.mail else ("--mail-server",)
    return _draft(
        wishes, platform, "Email", "iosEasEmailProfileConfiguration", properties, rows, links, missing, ""
    )


def _draft(  # noqa: PLR0913 - each is a column
    wishes: Wishes,
    platform: Platform,
    kind: str,
    graph_type: str,
    properties: Mapping[str, Any],
    rows: list[tuple[str, str]],
    links: Mapping[str, str | tuple[str, ...]],
    missing: tuple[str, ...],
    note: str,
) -> Draft:
    return Draft(
        key=f"{platform}.{kind}",
        platform=platform,
        step=4,
        kind=kind,
        name=wishes.name(PLATFORM_NAMES[platform], kind),
        type=graph_type,
        properties=properties,
        rows=rows,
        links=links,
        missing=missing,
        note=note,
    )
