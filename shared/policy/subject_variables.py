"""Names from a profile's format: static text mixed with Intune's variables, such as `CN={{UserName}},O=Example`.

A format is taken apart when the file is read, and values go into finished attributes: whatever a value holds
(`+ ; , =`, quotes, `#`), it never becomes structure. Spelling follows Microsoft's pages, in any case.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from shared.policy.refusal import refusal

Holder = Literal["device", "user"]
Attributes = Mapping[str, str]
"""What a request says of user and device, by dotted name: `user.userName`, `device.imei`."""

_PLACE: Final = re.compile(r"\{\{\s*([A-Za-z_]+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable. `of` is whose attribute it stands for, "holder" that of whoever the certificate is for;
    `reported`: the device says so itself, and whoever controls it may make it say anything."""

    name: str
    of: Literal["device", "user", "holder"]
    attribute: str
    reported: bool = False

    def path(self, holder: Holder) -> str:
        """The attribute's dotted name in a request."""
        return f"{holder if self.of == 'holder' else self.of}.{self.attribute}"

    def value(self, attributes: Attributes, holder: Holder) -> str:
        """What it stands for. Raises PolicyViolation that names what is missing."""
        path = self.path(holder)
        found = attributes.get(path, "")
        if not found:
            raise refusal(f"{path} is missing, which {self} stands for")
        return found

    def __str__(self) -> str:
        return f"{{{{{self.name}}}}}"


SID: Final = Variable("OnPremisesSecurityIdentifier", "holder", "onPremisesSecurityIdentifier")
DISTINGUISHED_NAME: Final = Variable("OnPrem_Distinguished_Name", "user", "onPremisesDistinguishedName")
DEVICE_ID: Final = Variable("DeviceId", "device", "intuneDeviceId")
_AAD_DEVICE_ID: Final = Variable("AAD_Device_ID", "device", "entraDeviceId")
_SERIAL_NUMBER: Final = Variable("SerialNumber", "device", "serialNumber", reported=True)
_IMEI: Final = Variable("IMEI", "device", "imei", reported=True)

_PLAIN: Final = (
    Variable("UserName", "user", "userName"),
    Variable("UserPrincipalName", "user", "userPrincipalName"),
    Variable("EmailAddress", "user", "emailAddress"),
    Variable("GivenName", "user", "givenName"),
    Variable("SurName", "user", "surname"),
    DISTINGUISHED_NAME,
    Variable("OnPremisesSamAccountName", "user", "onPremisesSamAccountName"),
    Variable("OnPremisesUserPrincipalName", "user", "onPremisesUserPrincipalName"),
    Variable("Department", "user", "department"),
    _AAD_DEVICE_ID,
    DEVICE_ID,
    Variable("DeviceName", "device", "deviceName", reported=True),
    _SERIAL_NUMBER,
    _IMEI,
    Variable("MEID", "device", "meid", reported=True),
    Variable("WiFiMacAddress", "device", "wiFiMacAddress", reported=True),
    Variable("FullyQualifiedDomainName", "device", "fullyQualifiedDomainName", reported=True),
    SID,
)
_ALIASES: Final = {
    "AzureADDeviceId": _AAD_DEVICE_ID,
    "Device_Serial": _SERIAL_NUMBER,
    "IMEINumber": _IMEI,
    "Device_IMEI": _IMEI,
}
VARIABLES: Final[Mapping[str, Variable]] = MappingProxyType(
    {**{variable.name: variable for variable in _PLAIN}, **_ALIASES}
)
"""By every name, as Microsoft writes it."""
_BY_NAME: Final = {name.lower(): variable for name, variable in VARIABLES.items()}


@dataclass(frozen=True, slots=True)
class Template:
    """Text with variables in it, taken apart."""

    parts: tuple[str | Variable, ...]
    source: str = field(compare=False)

    @classmethod
    def parse(cls, text: str) -> Template:
        """Raises ValueError for a variable that is not known, or braces that are none."""
        parts: list[str | Variable] = []
        for index, piece in enumerate(_PLACE.split(text)):
            if index % 2:
                parts.append(_variable(piece))
            elif "{{" in piece or "}}" in piece:
                raise ValueError("braces that hold no variable; one is written {{DeviceName}}")
            elif piece:
                parts.append(piece)
        return cls(tuple(parts), text)

    def variables(self) -> Iterator[Variable]:
        """Those in it, in order."""
        return (part for part in self.parts if isinstance(part, Variable))

    def fill(self, attributes: Attributes, holder: Holder) -> str:
        """The text with its values. Raises PolicyViolation that names what is missing."""
        return "".join(
            part if isinstance(part, str) else part.value(attributes, holder) for part in self.parts
        )


def _variable(name: str) -> Variable:
    found = _BY_NAME.get(name.lower())
    if found is None:
        raise ValueError(f"there is no variable {{{{{name}}}}}; known are {', '.join(VARIABLES)}")
    return found
