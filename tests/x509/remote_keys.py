"""Private keys that can sign and nothing else, as a key in a vault."""

from __future__ import annotations

from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.keys.ports import SigningKey


def remote(held: SigningKey) -> SigningKey:
    """A key of the same kind that forwards `sign` and refuses every other call."""
    kind = rsa.RSAPrivateKey if isinstance(held, rsa.RSAPrivateKey) else ec.EllipticCurvePrivateKey
    members: dict[str, Any] = dict.fromkeys(kind.__abstractmethods__, property(_refuse))
    members["sign"] = lambda _, *arguments: held.sign(*arguments)
    signer: SigningKey = type("RemoteKey", (kind,), members)()
    return signer


def _refuse(_: object) -> NoReturn:
    raise AssertionError("a remote key was asked for more than a signature")
