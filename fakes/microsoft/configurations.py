"""Intune's device configurations in Graph's beta: certificate, Wi-Fi, VPN and mail profiles, what devices report of
their certificates, and connectors. Properties that a type does not have are refused, as Graph refuses them."""

from __future__ import annotations

import base64
import binascii
import json
import re
import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from fakes.microsoft.collections import Collection
from fakes.microsoft.entra import Entra
from fakes.microsoft.parts import Refused, Reply, Request

_PLACE: Final = "/beta/deviceManagement/deviceConfigurations"
_ONE: Final = re.compile(rf"{_PLACE}/([^/]+)(?:/microsoft\.graph\.(\w+))?(?:/(\w+))?")
_BIND: Final = re.compile(r".*/beta/deviceManagement/deviceConfigurations(?:\('([^']+)'\)|/([^/]+))")
_ROOT: Final = {"trustedRootCertificate", "certFileName"}
_CERTIFICATE: Final = {
    *("renewalThresholdPercentage", "subjectNameFormat", "subjectAlternativeNameType", "extendedKeyUsages"),
    *("certificateValidityPeriodValue", "certificateValidityPeriodScale", "customSubjectAlternativeNames"),
    *("subjectNameFormatString", "subjectAlternativeNameFormatString", "certificateStore"),
}
_SCEP: Final = _CERTIFICATE | {"scepServerUrls", "keyUsage", "keySize", "rootCertificate@odata.bind"}
_PKCS: Final = _CERTIFICATE | {
    "certificationAuthority",
    "certificationAuthorityName",
    "certificateTemplateName",
}
_SERVER_ROOT: Final = "rootCertificateForServerValidation@odata.bind"
_SERVER_ROOTS: Final = "rootCertificatesForServerValidation@odata.bind"
_WIFI: Final = {
    *("networkName", "ssid", "connectAutomatically", "connectWhenNetworkNameIsHidden", "eapType"),
    *("trustedServerCertificateNames", "authenticationMethod", "outerIdentityPrivacyTemporaryValue"),
    *(_SERVER_ROOTS, "identityCertificateForClientAuthentication@odata.bind"),
}
_VPN: Final = {"connectionName", "connectionType", "authenticationMethod", "identityCertificate@odata.bind"}
_APPLE_VPN: Final = _VPN | {"server", "enableSplitTunneling"}
_MAIL: Final = {"hostName", "requireSsl", "usernameSource", "emailAddressSource", "durationOfEmailToSync"}
TYPES: Final = {
    "windows81TrustedRootCertificate": _ROOT | {"destinationStore"},
    "iosTrustedRootCertificate": _ROOT,
    "macOSTrustedRootCertificate": _ROOT,
    "androidDeviceOwnerTrustedRootCertificate": _ROOT,
    "windows81SCEPCertificateProfile": _SCEP | {"hashAlgorithm", "keyStorageProvider"},
    "iosScepCertificateProfile": _SCEP,
    "macOSScepCertificateProfile": _SCEP | {"hashAlgorithm", "allowAllAppsAccess"},
    "androidDeviceOwnerScepCertificateProfile": _SCEP | {"hashAlgorithm", "certificateAccessType"},
    "windows10PkcsCertificateProfile": _PKCS | {"keyStorageProvider"},
    "iosPkcsCertificateProfile": _PKCS,
    "macOSPkcsCertificateProfile": _PKCS | {"allowAllAppsAccess"},
    "androidDeviceOwnerPkcsCertificateProfile": _PKCS,
    "windows10ImportedPFXCertificateProfile": _CERTIFICATE | {"intendedPurpose", "keyStorageProvider"},
    "iosImportedPFXCertificateProfile": {"intendedPurpose"},
    "macOSImportedPFXCertificateProfile": {"intendedPurpose"},
    "androidDeviceOwnerImportedPFXCertificateProfile": {"intendedPurpose"},
    "windowsWifiEnterpriseEAPConfiguration": _WIFI | {"wifiSecurityType", "networkSingleSignOn"},
    "iosEnterpriseWiFiConfiguration": _WIFI | {"wiFiSecurityType", "disableMacAddressRandomization"},
    "macOSEnterpriseWiFiConfiguration": _WIFI | {"wiFiSecurityType"},
    "androidDeviceOwnerEnterpriseWiFiConfiguration": (_WIFI - {_SERVER_ROOTS})
    | {"wiFiSecurityType", _SERVER_ROOT},
    "windows10VpnConfiguration": _VPN | {"servers", "profileTarget", "enableAlwaysOn", "enableDeviceTunnel"},
    "iosVpnConfiguration": _APPLE_VPN,
    "macOSVpnConfiguration": _APPLE_VPN,
    "androidDeviceOwnerVpnConfiguration": _VPN | {"servers", "alwaysOn"},
    "iosEasEmailProfileConfiguration": _MAIL
    | {
        *("accountName", "authenticationMethod", "useOAuth", "requireSmime", "smimeSigningEnabled"),
        *("smimeEncryptByDefaultEnabled", "smimeEnablePerMessageSwitch", "signingCertificateType"),
        *(
            "encryptionCertificateType",
            "smimeSigningCertificate@odata.bind",
            "smimeEncryptionCertificate@odata.bind",
        ),
    },
}


@dataclass
class Configurations:
    """`made` are the documents by id; `assigned` the groups of each ("all devices" is None); `states` what devices
    report under each."""

    entra: Entra
    page: int = 2
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    assigned: dict[str, list[str | None]] = field(default_factory=dict)
    states: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    connectors: list[dict[str, Any]] = field(default_factory=list)
    beta: bool = True

    def act(self, request: Request) -> str | None:
        if request.path == _PLACE:
            return {"GET": "deviceConfigurations", "POST": "deviceConfigurations create"}.get(request.method)
        if request.path == "/beta/deviceManagement/ndesConnectors":
            return "ndesConnectors"
        found = _ONE.fullmatch(request.path)
        return f"deviceConfigurations {found[3] or 'one'}" if found and request.method == "GET" else None

    def answer(self, act: str, request: Request) -> Reply:
        if not self.beta:
            raise Refused(404, "there is no beta here")
        if act.endswith("create"):
            self.entra.check_graph(request, "DeviceManagementConfiguration.ReadWrite.All")
            return Reply(201, self.create(json.loads(request.body)))
        read = ("DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All")
        self.entra.check_graph(request, *read)
        if act == "deviceConfigurations":
            return self._paged(request, [_plain(each) for each in self.made.values()])
        if act == "ndesConnectors":
            return self._paged(request, self.connectors)
        found = _ONE.fullmatch(request.path)
        assert found is not None
        return self._related(request, found[1], found[2], found[3])

    def create(self, document: Any) -> dict[str, Any]:
        """Make one, as by POST."""
        kind = str(document.get("@odata.type", "")).removeprefix("#microsoft.graph.")
        allowed = TYPES.get(kind)
        if allowed is None or not document.get("displayName"):
            raise Refused(400, f"type {kind} or displayName")
        unknown = set(document) - allowed - {"@odata.type", "displayName", "description"}
        if unknown:
            raise Refused(400, f"The property '{sorted(unknown)[0]}' does not exist on type '{kind}'.")
        _check_values(kind, document)
        for name, value in document.items():
            for link in (
                (value if isinstance(value, list) else [value]) if name.endswith("@odata.bind") else ()
            ):
                self._bound(link)
        key = str(uuid.uuid4())
        self.made[key] = {"id": key, "version": 1, **document}
        return _plain(self.made[key])

    def _related(self, request: Request, key: str, kind: str | None, what: str | None) -> Reply:
        made = self.made.get(key)
        if made is None or (kind is not None and made["@odata.type"] != f"#microsoft.graph.{kind}"):
            raise Refused(404, "ResourceNotFound")
        if what is None:
            return Reply(200, _plain(made))
        if what == "assignments":
            return self._paged(request, [_assignment(key, group) for group in self.assigned.get(key, [])])
        if what == "managedDeviceCertificateStates" and kind:
            return self._paged(request, self.states.get(key, []))
        link = made.get(f"{what}@odata.bind")
        if link is None or not kind:
            raise Refused(404, "ResourceNotFound")
        return Reply(200, _plain(self._bound(link)))

    def _bound(self, link: Any) -> dict[str, Any]:
        found = _BIND.fullmatch(str(link))
        made = found and self.made.get(found[1] or found[2])
        if not made:
            raise Refused(400, f"nothing to bind at {link}")
        return made

    def _paged(self, request: Request, found: list[dict[str, Any]]) -> Reply:
        listed = Collection(self.entra.base, request.path, self.page)
        listed.objects = {str(number): each for number, each in enumerate(found)}
        return listed.listing(request)


def _plain(made: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made.items() if not name.endswith("@odata.bind")}


def _assignment(key: str, group: str | None) -> dict[str, Any]:
    kind = "allDevicesAssignmentTarget" if group is None else "groupAssignmentTarget"
    return {"id": f"{key}_{group}", "target": {"@odata.type": f"#microsoft.graph.{kind}", "groupId": group}}


def _check_values(kind: str, document: dict[str, Any]) -> None:
    if "TrustedRoot" in kind:
        try:
            base64.b64decode(document["trustedRootCertificate"], validate=True)
        except (KeyError, TypeError, binascii.Error):
            raise Refused(400, "trustedRootCertificate") from None
    if "cep" in kind.lower() and "keySize" in document:
        urls = document.get("scepServerUrls")
        if not urls or not 1 <= int(document["renewalThresholdPercentage"]) <= 99:
            raise Refused(400, "scepServerUrls or renewalThresholdPercentage")
        if document["keySize"] not in ("size1024", "size2048", "size4096"):
            raise Refused(400, "keySize")
        if "rootCertificate@odata.bind" not in document:
            raise Refused(400, "rootCertificate")
