"""What the drafts are made from: the Scepter profile and its CA, and what only the administrator knows. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from shared.policy.profile import Profile
from shared.x509.certificate import Certificate


@dataclass(frozen=True, slots=True)
class Wishes:
    """`certificates` are the issuing CA's and its chain, root last. What is empty was not said: profiles that need it
    are drafted, and cannot be made."""

    profile: Profile
    scep_url: str
    certificates: tuple[Certificate, ...]
    prefix: str = "Scepter"
    ssid: str = ""
    servers: tuple[str, ...] = ()
    vpn: str = ""
    mail: str = ""
    pkcs_authority: str = ""
    pkcs_template: str = ""

    @property
    def root(self) -> Certificate:
        return self.certificates[-1]

    @property
    def intermediates(self) -> tuple[Certificate, ...]:
        """Every CA but the root, the one nearest to it first; each needs a profile of its own."""
        return tuple(reversed(self.certificates[:-1]))

    @property
    def of_device(self) -> bool:
        return self.profile.holder == "device"

    def name(self, platform: str, what: str) -> str:
        """What a profile is called, and found again by."""
        return f"{self.prefix} {self.profile.name} - {platform} - {what}"


def thumbprint(certificate: Certificate) -> str:
    """SHA-1, as Windows and Intune show it."""
    return hashlib.sha1(certificate.der, usedforsecurity=False).hexdigest().upper()
