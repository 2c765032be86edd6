"""The guard before the brake: a listing that is empty, or lacks many at once, is taken for a mistake of the listing.

Nothing of it is believed until the missing ones are back, or an administrator says that it is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

FLOOR: Final = 10
"""So many may go between two looks whatever share of a small tenant they are."""


@dataclass(frozen=True, slots=True)
class Shrinkage:
    """How many are gone, of how many there were; `emptied`: there is nothing left at all of what was listed."""

    gone: int
    before: int
    emptied: bool = False

    def is_suspicious(self, percent: int, accepted: int) -> bool:
        """Whether it is more than `percent` of what there was, and more than an administrator has accepted."""
        if self.gone <= accepted:
            return False
        return self.emptied or self.gone > max(FLOOR, self.before * percent // 100)

    def __str__(self) -> str:
        return f"{self.gone} of {self.before} are gone" + (
            ", and the listing is empty" if self.emptied else ""
        )
