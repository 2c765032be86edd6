"""What the vault's errors mean here: which are worth another try, and what puts the others right.

Sentences are our own, with the vault's codes; its messages stay out, since they name identities.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from shared.keys.vault_budget import is_managed_hsm
from shared.keys.vault_names import VaultName

_LONGEST_PAUSE: Final = 60.0
_MOST_CODES: Final = 4


class Kind(Enum):
    """What can be done about it."""

    BUSY = "the vault throttles"
    AWAY = "the vault does not answer"
    REFUSED = "trying again does not help"
    WRONG = "the vault calls the request wrong"


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed call. `pause` is how many seconds the vault wants to be left alone, where it says so."""

    kind: Kind
    reason: str
    pause: float = 0.0


@dataclass(frozen=True, slots=True)
class Act:
    """What is done with which object, and the roles that allow it in a vault and in a managed HSM."""

    verb: str
    target: VaultName
    role: str
    hsm_role: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.target}"

    @property
    def needed_role(self) -> str:
        return (self.hsm_role or self.role) if is_managed_hsm(self.target.host) else self.role


def trouble_of(error: AzureError, act: Act) -> Trouble:
    """What `error` in `act` means."""
    if not isinstance(error, HttpResponseError) or error.status_code is None:
        if isinstance(error, ClientAuthenticationError):  # azure-identity's, before any call
            return _refused(
                act, "no token", "has the app a managed identity, and is it the one in the settings?"
            )
        return Trouble(
            Kind.AWAY, f"{act}: cannot be reached, or did not answer in time ({type(error).__name__})"
        )
    status, codes = error.status_code, _codes(error)
    said = " ".join((str(status), *codes))
    if status == 429:
        return Trouble(Kind.BUSY, f"{act}: the vault throttles ({said})", _pause(error))
    if status == 408 or not 400 <= status < 500:  # below 400 it is an answer that cannot be read
        return Trouble(Kind.AWAY, f"{act}: the vault says {said}", _pause(error))
    if status == 401:
        return _refused(
            act, said, "the vault takes no token of this tenant or audience; see SCEPTER_VAULT_AUDIENCE"
        )
    if status == 403:
        return _refused(act, said, _remedy(codes, act))
    if status == 404:
        return _refused(act, said, _missing(act.target))
    if status == 409:
        return _refused(
            act, said, "there is a deleted one of that name: recover it, or wait until it is purged"
        )
    return Trouble(Kind.WRONG, f"{act}: the vault says {said}")


def unreadable(error: ValueError, act: Act) -> Trouble:
    """The SDK raises this for a challenge of another resource, and for answers it cannot read."""
    if "challenge" in str(error):
        return _refused(
            act, "the vault's challenge names another audience than its host", "see SCEPTER_VAULT_AUDIENCE"
        )
    return Trouble(Kind.AWAY, f"{act}: the answer cannot be read")


def _remedy(codes: tuple[str, ...], act: Act) -> str:
    """For 403: the inner code tells which of several things is missing."""
    target = act.target
    remedies = {
        "ForbiddenByFirewall": "the vault's firewall does not admit the app: allow its network or private endpoint",
        "ForbiddenByConnection": "the vault admits private endpoints only: connect the app to its network",
        "ForbiddenByPolicy": f"the vault uses access policies: allow {act.verb} there, or turn on RBAC",
        "KeyDisabled": how_to_enable(target),
        "SecretDisabled": how_to_enable(target),
        "KeyOperationForbidden": f"the key's permitted operations lack {act.verb}: they are set when it is made",
        "KeyNotYetValid": "the key's activation date lies ahead",
        "KeyExpired": "the key's expiry date has passed; a CA key should have none",
    }
    lacks_role = f"give the app's identity the role {act.needed_role!r} on {target.kind}/{target.name}"
    return next((remedies[code] for code in codes if code in remedies), lacks_role)


def how_to_enable(target: VaultName) -> str:
    """For a key or secret that is disabled."""
    noun = target.kind.removesuffix("s")
    return f"it is disabled; to enable it: az keyvault {noun} set-attributes --enabled true --id {target}"


def _missing(target: VaultName) -> str:
    noun = target.kind.removesuffix("s")
    vault = target.host.partition(".")[0]
    recover = f"az keyvault {noun} recover --vault-name {vault} --name {target.name}"
    return f"there is no such {noun}; if it was deleted, it can be brought back: {recover}"


def _refused(act: Act, said: str, remedy: str) -> Trouble:
    return Trouble(Kind.REFUSED, f"{act}: {said}; {remedy}")


def _codes(error: HttpResponseError) -> tuple[str, ...]:
    """The vault's error code and its inner ones, outermost first."""
    found: list[str] = []
    inner = _member(_body(error), "error")
    while (code := _member(inner, "code")) is not None and len(found) < _MOST_CODES:
        found.append(str(code)[:60])
        inner = _member(inner, "innererror")
    return tuple(found)


def _body(error: HttpResponseError) -> object:
    try:
        return json.loads(error.response.text()) if error.response is not None else None
    except (ValueError, AzureError):
        return None


def _member(value: object, name: str) -> object:
    """By name in any case: the vault spells innererror in more than one way."""
    if not isinstance(value, Mapping):
        return None
    return next((held for key, held in value.items() if str(key).lower() == name), None)


def _pause(error: HttpResponseError) -> float:
    stated = str(getattr(error.response, "headers", {}).get("Retry-After", ""))
    return min(float(stated), _LONGEST_PAUSE) if stated.isdecimal() else 0.0
