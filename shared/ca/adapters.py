"""Adapters to outside CAs by name: EST, and whatever an installed package offers.

A package offers one by an entry point of the group `scepter.issuers`: a callable that takes AdapterSettings and gives
an OutsideCA (ports.py). tests/contracts/test_outside_cas.py is what it has to pass.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Final

from shared.ca.ports import AdapterSettings, OutsideCA

GROUP: Final = "scepter.issuers"
EST: Final = "est"
Maker = Callable[[AdapterSettings], OutsideCA]


def known() -> tuple[str, ...]:
    """The names of all adapters that are installed."""
    return tuple(sorted({EST, *(point.name for point in entry_points(group=GROUP))}))


def maker(name: str) -> Maker:
    """What makes an adapter of that name. ValueError if none is installed."""
    if name == EST:
        from shared.ca.est import EST as made  # noqa: N811 - `requests`, which only this needs

        return made
    found = list(entry_points(group=GROUP, name=name))
    if not found:
        raise ValueError(f"no adapter {name!r} is installed; there are {', '.join(known())}")
    loaded: Maker = found[0].load()
    return loaded
