"""Secrets of the fake vault: the /secrets part of Key Vault's REST API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.vault.answers import Answer, Refusal, bad
from tests.vault.shelf import Shelf, Version

_MOST_OCTETS = 25_600


@dataclass
class SecretVersion(Version):
    """A version of a secret with its value."""

    value: str = ""
    content_type: str | None = None


class Secrets(Shelf[SecretVersion]):
    """What the routes of server.py call; `body` is the request's."""

    def __init__(self, url: str) -> None:
        super().__init__("Secret", url)

    def set(self, name: str, body: Mapping[str, Any]) -> Answer:
        value = body.get("value")
        if not isinstance(value, str) or not 0 < len(value.encode()) <= _MOST_OCTETS:
            raise bad("Property value has invalid value")
        version = SecretVersion(value=value, content_type=body.get("contentType"))
        version.update(body)
        return Answer(200, self.bundle(name, self.put(name, version)))

    def update(self, name: str, version: str, body: Mapping[str, Any]) -> Answer:
        found = self.find(name, version)
        found.update(body)
        return Answer(200, self.item(name, found))

    def get(self, name: str, version: str, _: Mapping[str, Any]) -> Answer:
        found = self.find(name, version)
        if not found.enabled:
            message = "Operation get is not allowed on a disabled secret."
            raise Refusal(403, "Forbidden", message, "SecretDisabled")
        return Answer(200, self.bundle(name, found))

    def bundle(self, name: str, version: SecretVersion) -> dict[str, Any]:
        return {"value": version.value} | self.item(name, version)

    def describe_deleted(self, name: str) -> dict[str, Any]:
        version, told = self.find_deleted(name)
        return told | self.item(name, version)

    def item(self, name: str, version: SecretVersion) -> dict[str, Any]:
        item: dict[str, Any] = {
            "id": self.identifier(name, version.version),
            "attributes": version.attributes(),
            "tags": version.tags,
        }
        return item if version.content_type is None else item | {"contentType": version.content_type}
