"""Storage to a folder, while the app goes on.

Places come in an order that makes a backup right though it takes time: what points at something is read before what it
points at is deleted, and after it is written. The caller knows that order; here each place is read once, to its end.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import BinaryIO

from shared.store.backup.folder import BackupFolder, Manifest, Part
from shared.store.backup.places import Place
from shared.store.backup.values import Item

Progress = Callable[[str, int, int | None], None]
"""Told of a place: how many items are done, of how many if that is known."""


def take(
    places: Sequence[Place], folder: BackupFolder, *, now: Callable[[], datetime], progress: Progress
) -> Manifest:
    """All `places` in `folder`; what an interrupted run has written there is kept and continued.

    Raises RequestError if the folder is taken, StoreUnavailable."""
    manifest = folder.begin(now())
    for place in places:
        if manifest.part(place.kind, place.name) is None:
            manifest = folder.finish(manifest, _read(place, folder, progress))
    return folder.end(manifest, now())


def _read(place: Place, folder: BackupFolder, progress: Progress) -> Part:
    begun = Part(place.kind, place.name, 0, 0, "")
    waiting = place.count() if place.kind == "queue" else 0
    if place.kind == "queue":  # it moves on: half of what was at its head is no beginning
        folder.discard(begun)
    count, last = folder.resume(begun)
    told = f"{place.kind} {place.name}"
    with folder.append(begun) as file:
        progress(told, count, None)
        for item in place.items(last):
            _write(item, file)
            count += 1
            progress(told, count, None)
    return Part(place.kind, place.name, count, 0, "", left=max(0, waiting - count))


def _write(item: Item, file: BinaryIO) -> None:
    file.write(json.dumps(item, separators=(",", ":")).encode() + b"\n")
