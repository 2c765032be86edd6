"""What an order asks for, checked against its caller and its profile; the caller is known and may read all of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from shared.errors import MalformedMessage, PolicyViolation
from shared.pfx.order import PKCSOrder
from shared.policy.callers import Caller
from shared.policy.owner import check_owner, check_validity
from shared.policy.pkcs import PKCSRules
from shared.policy.profile import Profile
from shared.policy.profiles import Profiles
from shared.policy.refusal import quoted, refusal
from shared.x509.general_names import GeneralName
from shared.x509.names import Name


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a certificate is to say of its holder. `sid` is for the extension, None without one."""

    profile: Profile
    rules: PKCSRules
    subject: Name
    sans: tuple[GeneralName, ...]
    sid: str | None
    validity: timedelta | None


def check_order(order: PKCSOrder, caller: Caller, profiles: Profiles) -> Wanted:
    """What the order wants, if it may have it. Raises PolicyViolation."""
    try:
        return _checked(order, caller, profiles)
    except (MalformedMessage, PolicyViolation) as error:
        raise PolicyViolation(error.reason, public=f"The order: {error.reason}.") from None


def _checked(order: PKCSOrder, caller: Caller, profiles: Profiles) -> Wanted:
    profile = profiles.get(order.profile)
    if profile is None or order.profile not in caller.profiles:
        raise refusal(
            "this caller may not order for that profile", f"{caller.name} and {quoted(order.profile)}"
        )
    rules = profile.pkcs
    if rules is None:
        raise refusal("the profile makes no keys: its certificates are enrolled over SCEP", profile.name)
    _check_holder(order, profile)
    check_validity(profile, order.validity_days)
    attributes = order.attributes
    subject, sans = rules.names(attributes, profile.holder)
    profile.check_names(subject, sans)
    caller.check(profile.name, subject, sans)
    for form in order.sealing:
        if form not in rules.sealing:
            raise refusal(
                f"sealing: the profile does not allow {form}", f"it allows {', '.join(rules.sealing)}"
            )
    return Wanted(
        profile=profile,
        rules=rules,
        subject=subject,
        sans=sans,
        sid=rules.sid(attributes, profile.holder) if profile.sid_extension else None,
        validity=timedelta(days=order.validity_days) if order.validity_days else None,
    )


def _check_holder(order: PKCSOrder, profile: Profile) -> None:
    check_owner(profile, "named" if order.user else "")
    if profile.holder == "user" and not order.user_owner:
        raise refusal("user.userPrincipalName or user.id is missing")
    if profile.holder == "device" and not order.device_owner:
        raise refusal("device.id, device.intuneDeviceId or device.entraDeviceId is missing")
