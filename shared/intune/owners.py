"""Whose certificate it is, read from names that Intune has found to be those of its profile.

Later events name a device or a user; the certificate is indexed under what is found here. A device id is Intune's or
Entra's, whichever the profile puts into the names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal

from shared.x509.general_names import GeneralName
from shared.x509.names import Name

Holder = Literal["device", "user"]

_GUID: Final = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"
_IS_GUID: Final = re.compile(_GUID).fullmatch
_DEVICE_URI: Final = re.compile(rf"IntuneDeviceId://({_GUID})/?", re.IGNORECASE).fullmatch


def device_of(subject: Name, sans: Sequence[GeneralName], holder: Holder) -> str:
    """The id in a SAN URI `IntuneDeviceId://`, else a common name that is an id; else, of a device's certificate,
    the common name whatever it is. Empty if there is none."""
    for name in sans:
        if name.kind == "uri" and (found := _DEVICE_URI(name.value)):
            return found[1].lower()
    names = subject.values("CN")
    ids = [name.lower() for name in names if _IS_GUID(name)]
    if ids:
        return ids[0]
    return names[0] if names and holder == "device" else ""


def user_of(subject: Name, sans: Sequence[GeneralName], holder: Holder) -> str:
    """The user principal name in the SAN; else, of a user's certificate, a common name that looks like one."""
    for name in sans:
        if name.kind == "upn":
            return name.value
    names = subject.values("CN")
    return next((name for name in names if "@" in name), "") if holder == "user" else ""
