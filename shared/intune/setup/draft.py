"""A configuration profile as it should be in Intune: Graph's document, and the same for the console. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Platform = Literal["windows", "ios", "macos", "android"]
PLATFORMS: Final[tuple[Platform, ...]] = ("windows", "ios", "macos", "android")
PLATFORM_NAMES: Final[Mapping[Platform, str]] = {
    "windows": "Windows 10 and later",
    "ios": "iOS/iPadOS",
    "macos": "macOS",
    "android": "Android Enterprise",
}
CONFIGURATIONS: Final = "deviceManagement/deviceConfigurations"


@dataclass(frozen=True, slots=True)
class Draft:
    """One profile. `step` is its place in the order of assignment, `key` its name among the drafts; `links` maps
    properties of Graph's document to the keys they lead to. `rows` are the settings in the words of the console;
    `missing` the options without which it cannot be made."""

    key: str
    platform: Platform
    step: int
    kind: str
    name: str
    type: str
    properties: Mapping[str, Any]
    rows: Sequence[tuple[str, str]]
    links: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    note: str = ""

    def document(self, ids: Mapping[str, str], base: str) -> dict[str, Any]:
        """What is POSTed to Graph; `ids` are those of the drafts before it, `base` Graph's beta."""

        def address(key: str) -> str:
            return f"{base}/{CONFIGURATIONS}('{ids[key]}')"

        bound = {
            f"{name}@odata.bind": [address(key) for key in keys] if isinstance(keys, tuple) else address(keys)
            for name, keys in self.links.items()
        }
        return {
            "@odata.type": f"#microsoft.graph.{self.type}",
            "displayName": self.name,
            **self.properties,
            **bound,
        }


def as_json(draft: Draft) -> dict[str, Any]:
    """Every field."""
    return {name: getattr(draft, name) for name in Draft.__slots__}


def from_json(found: Mapping[str, Any]) -> Draft:
    """What `as_json` made, after it has travelled."""
    links = {name: tuple(keys) if isinstance(keys, list) else keys for name, keys in found["links"].items()}
    rows = [(str(setting), str(value)) for setting, value in found["rows"]]
    return Draft(**{**found, "links": links, "rows": rows, "missing": tuple(found["missing"])})
