"""What whoever orders a certificate says beside the request: for whom, and for how long."""

from __future__ import annotations

from shared.policy.profile import Profile
from shared.policy.refusal import refusal


def check_owner(profile: Profile, user: str) -> None:
    """Raises PolicyViolation unless the profile is for users where a user is named, and only there."""
    if profile.holder == "user" and not user:
        raise refusal("user is missing", f"profile {profile.name} is for users")
    if profile.holder == "device" and user:
        raise refusal("user does not belong here", f"profile {profile.name} is for devices")


def check_validity(profile: Profile, days: int | None) -> None:
    """Raises PolicyViolation unless `days` shorten the profile's validity, or are left out."""
    if days is None:
        return
    if profile.is_apple_only:
        raise refusal("validity_days does not belong here", "Apple devices always get the profile's validity")
    if days > profile.validity:
        raise refusal("validity_days is too long", f"at most {profile.validity}")
