"""The password of a PFX as octets. What is sealed is what a device will get, and devices agree on ASCII only."""

from __future__ import annotations

from shared.errors import PolicyViolation

_PRINTABLE = range(0x20, 0x7F)


def check_password(password: str, *, utf8: bool = False) -> None:
    """Raises PolicyViolation for one that devices may read in different ways: empty, or beyond printable ASCII unless
    `utf8` says that all devices take UTF-8. Intune's own tool damages what is not Latin-1."""
    if not password:
        raise PolicyViolation(
            "the password is empty, which Apple's systems do not agree on; export the PFX again with a password"
        )
    if all(ord(character) in _PRINTABLE for character in password):
        return
    try:
        password.encode()
    except UnicodeEncodeError:
        raise PolicyViolation("the password is not Unicode text") from None
    if utf8:
        return
    raise PolicyViolation(
        "the password has characters that are not printable ASCII, which devices read in different ways; export the "
        "PFX again with an ASCII password, or say --utf8-password if all devices of this user take UTF-8"
    )
