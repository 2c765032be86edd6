"""What a vault allows (Key Vault service limits), as shares of the one budget that all its operations draw on.

Key Vault adds up what each kind of operation takes of its own limit, per vault and ten seconds. A managed HSM has
no such limit: its hardware is the limit, and it says 429 when it is busy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WINDOW_SECONDS: Final = 10

_HSM_RSA: Final = {2048: 2_000, 3072: 500, 4096: 250}
_HSM_EC: Final = 2_000
_SOFTWARE_FACTOR: Final = 2  # software-protected keys may do twice as much
_OTHER: Final = 4_000  # secrets, and reading keys
OTHER_COST: Final = 1 / _OTHER


@dataclass(frozen=True, slots=True)
class Budget:
    """How much of a vault's limit this process may use: its `share`, divided among so many `workers`."""

    share: float = 0.95
    workers: int = 1

    @property
    def rate(self) -> float:
        """Of the whole budget, in a second."""
        return self.share / self.workers / WINDOW_SECONDS


def operations(kind: str, size: int) -> int:
    """How often a vault uses such a key in ten seconds; `kind` is a JSON Web Key's kty, `size` in bits."""
    allowed = _HSM_EC if kind.startswith("EC") else _HSM_RSA.get(size, _HSM_RSA[4096])
    return allowed if kind.endswith("-HSM") else allowed * _SOFTWARE_FACTOR


def is_managed_hsm(host: str) -> bool:
    """Whether the host is a managed HSM, in any of Azure's clouds."""
    return ".managedhsm." in host.lower()
