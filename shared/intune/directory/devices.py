"""Devices, compared with the last look: Entra's accounts by delta query, Intune's devices by a whole listing.

Both are joined by the id that Entra gives a device, so that one event names it by all its ids. What only vanished from
a listing counts once the listing is believed; see `shrinkage`.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from shared.intune.directory.condition import AFTERMATH, FINE, ORDERED, device_condition
from shared.intune.directory.objects import NO_ID, EntraDevice, ManagedDevice
from shared.intune.directory.shrinkage import Shrinkage
from shared.store.directory import Known

_PLAIN: Final = re.compile(r"[0-9A-Za-z._-]{1,64}")
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f/\\#?]{1,256}")


@dataclass(slots=True)
class DeviceComparison:
    """`known` are the rows of before, by key; `rows` those of now, as far as they differ."""

    integration: str
    known: Mapping[str, Known]
    now: datetime
    first: bool
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    """Rows of devices that are known under another key by now."""

    def __post_init__(self) -> None:
        self.facts = {key: dict(row.facts) for key, row in self.known.items()}
        self.names = {key: dict(row.names) for key, row in self.known.items()}

    def take_accounts(self, found: Iterable[EntraDevice], *, complete: bool) -> None:
        """What Entra says. With `complete` it is everything there is, and what is not there was removed."""
        by_object = {
            names["entraObjectId"]: key for key, names in self.names.items() if "entraObjectId" in names
        }
        seen = set()
        for device in found:
            seen.add(device.object_id)
            key = device.device_id and _key(device.device_id)
            key = key or by_object.get(device.object_id)
            if key is not None:  # else nothing was ever known of it
                by_object[device.object_id] = key
                self._take_account(key, device)
        for object_id in set(by_object) - seen if complete else ():
            self._take_account(by_object[object_id], EntraDevice(object_id, removed=True))

    def _take_account(self, key: str, device: EntraDevice) -> None:
        facts, names = self.facts.setdefault(key, {}), self.names.setdefault(key, {})
        if device.removed and names.get("entraObjectId", device.object_id) != device.object_id:
            return  # the device was registered anew, and its former account is cleared away
        _name(names, "entraObjectId", device.object_id)
        _name(names, "entraDeviceId", device.device_id or "")
        if device.removed and not facts.get("removed"):
            self.gone.add(key)
        facts["removed"] = device.removed
        if device.enabled is not None:
            facts["enabled"] = device.enabled
        if device.managed is not None:
            was = facts.get("managed")
            facts["unmanaged"] = not device.managed and (bool(was) or bool(facts.get("unmanaged")))
            facts["managed"] = device.managed

    def take_managed(self, found: Sequence[ManagedDevice]) -> None:
        """What Intune lists, which is everything there is."""
        listed: defaultdict[str, dict[str, str]] = defaultdict(dict)
        for device in found:
            key = _key(device.entra_id) if device.entra_id not in ("", NO_ID) else f"intune.{_key(device.id)}"
            listed[key][device.id] = device.state
            names = self.names.setdefault(key, {})
            _name(names, "entraDeviceId", device.entra_id if device.entra_id != NO_ID else "")
            _name(names, "intuneDeviceId", device.id)
            _name(names, "serialNumber", device.serial_number)
        ids = {device.id for device in found}
        for key in {*self.facts, *listed}:
            facts = self.facts.setdefault(key, {})
            before = set(facts.get("intune", {}))
            if before and not listed[key] and before & ids:
                self.moved.add(key)
            elif before and not listed[key] and not facts.get("vanished"):
                self.gone.add(key)
                facts["vanished"] = True
            elif listed[key]:
                facts["vanished"] = False
            facts["intune"] = listed[key]

    def shrinkage(self, *, listed: int) -> Shrinkage:
        """How much is gone since the last look; `listed` is how many devices Intune has listed."""
        before = sum(1 for row in self.known.values() if not _is_gone(row.facts))
        emptied = not listed and any(row.facts.get("intune") for row in self.known.values())
        return Shrinkage(len(self.gone), before, emptied)

    def rows(self) -> list[Known]:
        """The rows that are not as they were. What a first look finds is told by nobody but who asks for it."""
        rows = []
        for key, facts in self.facts.items():
            if key in self.moved:
                continue
            before, condition = self.known.get(key), device_condition(facts)
            if before is not None and before.condition in ORDERED and condition in AFTERMATH:
                condition = before.condition  # it went as it was told to
            if before is None:
                row = Known(self.integration, "device", key, self.names[key], facts, condition, self.now)
                rows.append(replace(row, told=self.first or condition == FINE))
            elif condition != before.condition:
                rows.append(self._changed(before, facts, condition))
            elif (facts, self.names[key]) != (before.facts, before.names):
                rows.append(replace(before, facts=facts, names=self.names[key]))
        return rows

    def _changed(self, before: Known, facts: dict[str, Any], condition: str) -> Known:
        since = max(self.now, before.since + timedelta(seconds=1))  # each change has an id of its own
        return replace(
            before, facts=facts, names=self.names[before.key], condition=condition, since=since, told=False
        )


def _is_gone(facts: Mapping[str, Any]) -> bool:
    return bool(facts.get("removed") or facts.get("vanished"))


def _key(text: str) -> str:
    """An id as a key and as part of an event's id."""
    plain = text.lower()
    return plain if _PLAIN.fullmatch(plain) else hashlib.sha256(plain.encode()).hexdigest()[:32]


def _name(names: dict[str, str], field_name: str, value: str) -> None:
    """Note a name, if it is one that an event can give."""
    if _NAME.fullmatch(value):
        names[field_name] = value
