"""Objects in versions, with soft delete: what keys and secrets of a vault have in common."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any, Generic, TypeVar

from tests.vault.answers import Answer, Refusal

_PAGE = 25
_RETENTION = 90 * 86_400


@dataclass
class Version:
    """One version of an object, as its `attributes` tell."""

    version: str = field(default_factory=lambda: secrets.token_hex(16))
    enabled: bool = True
    not_before: int | None = None
    expires: int | None = None
    created: int = field(default_factory=lambda: int(time.time()))
    updated: int = field(default_factory=lambda: int(time.time()))
    tags: dict[str, str] = field(default_factory=dict)

    def update(self, body: Mapping[str, Any]) -> None:
        """Attributes and tags of a request; what it does not name stays."""
        given = body.get("attributes") or {}
        self.enabled = given.get("enabled", self.enabled)
        self.not_before, self.expires = given.get("nbf", self.not_before), given.get("exp", self.expires)
        self.tags = body.get("tags") or self.tags
        self.updated = int(time.time())

    def attributes(self) -> dict[str, Any]:
        told = {
            "enabled": self.enabled,
            "nbf": self.not_before,
            "exp": self.expires,
            "created": self.created,
            "updated": self.updated,
            "recoveryLevel": "Recoverable+Purgeable",
            "recoverableDays": _RETENTION // 86_400,
        }
        return {name: value for name, value in told.items() if value is not None}


V = TypeVar("V", bound=Version)


class Shelf(Generic[V]):
    """`noun` is Key or Secret, `url` the vault's. Thread-safe."""

    def __init__(self, noun: str, url: str) -> None:
        self.noun, self.kind, self.url = noun, f"{noun.lower()}s", url
        self.lock = RLock()
        self._kept: dict[str, list[V]] = {}
        self._deleted: dict[str, tuple[list[V], int]] = {}

    def put(self, name: str, version: V) -> V:
        """A new version. Raises Refusal while the name is deleted and can be recovered."""
        with self.lock:
            if name in self._deleted:
                raise Refusal(
                    409,
                    "Conflict",
                    f"{self.noun} {name} is currently in a deleted but recoverable state, and its name cannot be "
                    "reused; in this state, the object can only be recovered or purged.",
                    "ObjectIsDeletedButRecoverable",
                )
            self._kept.setdefault(name, []).append(version)
            return version

    def find(self, name: str, version: str = "") -> V:
        """One version, or the newest. Raises Refusal."""
        with self.lock:
            for each in reversed(self._kept.get(name, [])):
                if version in ("", each.version):
                    return each
        raise self._missing(name)

    def versions(self, name: str) -> list[V]:
        with self.lock:
            return list(self._kept.get(name, []))

    def names(self) -> list[str]:
        with self.lock:
            return sorted(self._kept)

    def identifier(self, name: str, version: str = "") -> str:
        return "/".join(part for part in (self.url, self.kind, name, version) if part)

    def list_versions(self, name: str, query: Mapping[str, str]) -> Answer:
        items = [self.item(name, each) for each in self.versions(name)]
        return self._page(items, f"{self.identifier(name)}/versions", query)

    def list_all(self, query: Mapping[str, str]) -> Answer:
        items = [self.item(name, self.find(name)) for name in self.names()]
        return self._page(items, f"{self.url}/{self.kind}", query)

    def item(self, name: str, version: V) -> dict[str, Any]:
        """A line of a listing."""
        raise NotImplementedError

    def _page(self, items: list[dict[str, Any]], url: str, query: Mapping[str, str]) -> Answer:
        """A page of a listing, with the link to the next one."""
        size, start = int(query.get("maxresults") or _PAGE), int(query.get("$skiptoken") or 0)
        link = None
        if start + size < len(items):
            link = f"{url}?api-version={query['api-version']}&$skiptoken={start + size}&maxresults={size}"
        return Answer(200, {"value": items[start : start + size], "nextLink": link})

    def delete(self, name: str) -> V:
        with self.lock:
            newest = self.find(name)
            self._deleted[name] = self._kept.pop(name), int(time.time())
            return newest

    def find_deleted(self, name: str) -> tuple[V, dict[str, Any]]:
        """The newest version of a deleted object, and what is told of its deletion."""
        with self.lock:
            if name not in self._deleted:
                raise self._missing(name)
            versions, at = self._deleted[name]
            told = {
                "recoveryId": f"{self.url}/deleted{self.kind}/{name}",
                "deletedDate": at,
                "scheduledPurgeDate": at + _RETENTION,
            }
            return versions[-1], told

    def recover(self, name: str) -> V:
        with self.lock:
            newest, _ = self.find_deleted(name)
            self._kept[name] = self._deleted.pop(name)[0]
            return newest

    def purge(self, name: str) -> None:
        with self.lock:
            self.find_deleted(name)
            del self._deleted[name]

    def _missing(self, name: str) -> Refusal:
        message = (
            f"A {self.noun.lower()} with (name/id) {name} was not found in this key vault. If you recently "
        )
        message += f"deleted this {self.noun.lower()} you may be able to recover it using the correct recovery command."
        return Refusal(404, f"{self.noun}NotFound", message)
