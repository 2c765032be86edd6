"""What a tenant's directory says of devices and users, as far as certificates depend on it; and the port that reads it.

`None` is what an answer did not say: a delta query tells what changed, and leaves the rest out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from shared.errors import IntuneUnavailable

NO_ID = "00000000-0000-0000-0000-000000000000"
"""What Intune says of a device that is not registered in Entra."""


@dataclass(frozen=True, slots=True)
class EntraDevice:
    """A device object. `device_id` is the id that the device knows itself by, `object_id` the directory's own."""

    object_id: str
    device_id: str | None = None
    enabled: bool | None = None
    managed: bool | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class EntraUser:
    """A user object."""

    object_id: str
    upn: str | None = None
    enabled: bool | None = None
    removed: bool = False


@dataclass(frozen=True, slots=True)
class ManagedDevice:
    """A device in Intune. `state` is "wiped", "retired" or "deleted" where that was ordered, else empty."""

    id: str
    entra_id: str = ""
    serial_number: str = ""
    state: str = ""


Object = TypeVar("Object")


@dataclass(frozen=True, slots=True)
class Delta(Generic[Object]):
    """What changed since a link; `link` is where the next one begins.

    `complete`: it is everything there is, read in one go. `more`: there was no time for all of it, go on at the link.
    """

    found: Sequence[Object]
    link: str
    complete: bool = False
    more: bool = False


class PermissionMissing(IntuneUnavailable):
    """The directory does not let us read: the reason names the permission."""


class DirectoryReader(Protocol):
    """Reads a tenant's directory. Raises IntuneUnavailable, PermissionMissing."""

    def devices(self, link: str) -> Delta[EntraDevice]:
        """Since `link`; all of them if it is empty, or lost."""

    def users(self, link: str) -> Delta[EntraUser]:
        """Since `link`; all of them if it is empty, or lost."""

    def managed_devices(self) -> Sequence[ManagedDevice]:
        """All of them."""
