"""All configuration profiles that a Scepter profile needs in Intune, in the order in which they are assigned. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from shared.asn1 import oids
from shared.intune.setup.certificates import imported_pfx, pkcs, scep
from shared.intune.setup.draft import Draft, Platform
from shared.intune.setup.networks import mail, vpn, wifi
from shared.intune.setup.trust import trust
from shared.intune.setup.wishes import Wishes


def drafts(wishes: Wishes, platforms: Iterable[Platform]) -> list[Draft]:
    """Root, intermediates, certificate, then what uses it: devices take them in this order. Raises PolicyViolation."""
    return [draft for platform in platforms for draft in _of(wishes, platform)]


def _of(wishes: Wishes, platform: Platform) -> Iterator[Draft]:
    purposes = wishes.profile.extended_key_usage.allowed or ()
    yield from trust(wishes, platform)
    yield scep(wishes, platform)
    yield pkcs(wishes, platform)
    if oids.EKU_EMAIL_PROTECTION in purposes:
        yield imported_pfx(wishes, platform)
    if oids.EKU_CLIENT_AUTH in purposes:
        yield wifi(wishes, platform)
        yield vpn(wishes, platform)
    if oids.EKU_EMAIL_PROTECTION in purposes and platform == "ios":
        yield mail(wishes, platform)
