"""A folder back to storage: what is not there is written, what is there stays, and in the end everything is counted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from shared.errors import IssuanceFault, RequestError
from shared.store.backup.folder import BackupFolder, Part
from shared.store.backup.places import Place
from shared.store.backup.taking import Progress
from shared.store.backup.values import Item

_AT_ONCE: Final = 8
_WINDOW: Final = 1000
_WINDOW_CHARACTERS: Final = 2**24


@dataclass(frozen=True)
class Restored:
    """What became of a part: `written` now, `kept` as it was in storage already, `there` counted afterwards."""

    part: Part
    written: int
    kept: int
    there: int


def refuse_unless_empty(places: Sequence[Place]) -> None:
    """Raises RequestError naming what is not empty."""
    full = [f"{place.kind} {place.name}" for place in places if _holds_something(place)]
    if full:
        raise RequestError(
            f"storage is not empty ({', '.join(full)}); with --merge, what is there stays and what is missing is added"
        )


def _holds_something(place: Place) -> bool:
    return place.count() > 0 if place.kind == "queue" else next(place.items(), None) is not None


def matched(places: Sequence[Place], folder: BackupFolder) -> list[tuple[Place, Part]]:
    """Each place with its part of a backup that was verified. Raises RequestError if a part has no place."""
    by_name = {(place.kind, place.name): place for place in places}
    parts = {(part.kind, part.name): part for part in folder.verify().parts}
    if strange := parts.keys() - by_name.keys():
        raise RequestError(f"the backup holds what this version does not know: {sorted(strange)}")
    return [(by_name[key], parts[key]) for key in by_name if key in parts]


def restore(pairs: Sequence[tuple[Place, Part]], folder: BackupFolder, progress: Progress) -> list[Restored]:
    """Write all. Raises StoreUnavailable (run it again, with --merge), IssuanceFault if something is missing in
    the end."""
    done = [_fill(place, part, folder, progress) for place, part in pairs]
    short = [f"{each.part.name}: {each.there} of {each.part.count}" for each in done if _is_short(each)]
    if short:
        raise IssuanceFault(f"storage has less than the backup: {', '.join(short)}")
    return done


def _is_short(done: Restored) -> bool:
    # An app that runs already takes messages as they come.
    return done.part.kind != "queue" and done.there < done.part.count


def _fill(place: Place, part: Part, folder: BackupFolder, progress: Progress) -> Restored:
    read = written = 0
    told = f"{place.kind} {place.name}"
    progress(told, 0, part.count)
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for window in _windows(folder.items(part)):
            written += sum(threads.map(place.put, place.groups(window)))
            read += len(window)
            progress(told, read, part.count)
    return Restored(part, written, read - written, place.count())


def _windows(items: Iterable[Item]) -> Iterator[list[Item]]:
    window: list[Item] = []
    size = 0
    for item in items:
        window.append(item)
        size += sum(len(str(value)) for value in item.values())
        if len(window) == _WINDOW or size > _WINDOW_CHARACTERS:
            yield window
            window, size = [], 0
    if window:
        yield window
