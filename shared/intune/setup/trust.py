"""Trusted certificate profiles: the root, and one for each CA between it and the devices. Pure."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final

from shared.intune.setup.draft import PLATFORM_NAMES, Draft, Platform
from shared.intune.setup.wishes import Wishes, thumbprint
from shared.x509.certificate import Certificate

TYPES: Final[Mapping[Platform, str]] = {
    "windows": "windows81TrustedRootCertificate",
    "ios": "iosTrustedRootCertificate",
    "macos": "macOSTrustedRootCertificate",
    "android": "androidDeviceOwnerTrustedRootCertificate",
}
_STORES: Final = {
    "computerCertStoreRoot": "Computer certificate store - Root",
    "computerCertStoreIntermediate": "Computer certificate store - Intermediate",
}


def trust(wishes: Wishes, platform: Platform) -> Iterator[Draft]:
    """The root first, then each CA below it."""
    yield _draft(wishes, platform, wishes.root, 1, "root", "computerCertStoreRoot")
    for number, certificate in enumerate(wishes.intermediates, 1):
        key = f"intermediate {number}"
        yield _draft(wishes, platform, certificate, 2, key, "computerCertStoreIntermediate")


def anchor(wishes: Wishes, platform: Platform) -> str:
    """The key of the trusted certificate that a SCEP profile has to name. Windows looks for its thumbprint among what
    GetCACert answers, and takes the CA that issues; the others build the chain up to the root."""
    below = len(wishes.intermediates)
    return f"{platform}.intermediate {below}" if platform == "windows" and below else f"{platform}.root"


def _draft(
    wishes: Wishes, platform: Platform, certificate: Certificate, step: int, what: str, store: str
) -> Draft:
    file = f"{wishes.prefix.lower()}-{what.replace(' ', '-')}.cer"
    properties: dict[str, Any] = {
        "certFileName": file,
        "trustedRootCertificate": b64encode(certificate.der).decode(),
    }
    rows = [
        ("Profile type", "Trusted certificate"),
        ("Certificate file", f"{file}: {certificate.subject.text()}, SHA-1 {thumbprint(certificate)}"),
    ]
    if platform == "windows":
        properties["destinationStore"] = store
        rows.append(("Destination store", _STORES[store]))
    return Draft(
        key=f"{platform}.{what}",
        platform=platform,
        step=step,
        kind="Trusted certificate",
        name=wishes.name(PLATFORM_NAMES[platform], what),
        type=TYPES[platform],
        properties=properties,
        rows=rows,
    )
