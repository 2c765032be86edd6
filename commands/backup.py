"""`manage.py backup` and `restore`: all that is on record, to a folder and back. They reach storage directly, as
whoever runs them; the app need not run, and to restore it must not.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from commands.ceremony import DryRun, now
from commands.session import DEFAULT_SETTINGS, Json, SettingsFile, console, local_values, show
from shared.store.backup.folder import BackupFolder, Part
from shared.store.backup.restoring import matched, refuse_unless_empty
from shared.store.backup.restoring import restore as restore_to
from shared.store.backup.taking import take
from shared.wiring.keeping import PREFIX, STORAGE, Keeping

Account = Annotated[
    str, typer.Option("--account", help="Storage account in Azure, reached as whoever is logged in.")
]
Storage = Annotated[
    str,
    typer.Option(
        "--storage",
        help="Connection string of a local storage (default: as the settings say).",
        show_default=False,
    ),
]
Target = Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, or one of an interrupted run.")]
Source = Annotated[Path, typer.Argument(metavar="FOLDER", help="What `backup` made.")]

_COLUMNS = ("kind", "name", "items", "bytes", "not seen")


def backup(
    folder: Target,
    verify: Annotated[
        bool, typer.Option("--verify", help="Only read the backup in FOLDER and check it.")
    ] = False,
    account: Account = "",
    storage: Storage = "",
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Copy every table, container and queue to FOLDER. The app may go on; run it again if it was interrupted."""
    there = BackupFolder(folder)
    if verify:
        _tell("is whole", there.verify().parts, as_json=json)
        return
    with Keeping(environment(settings, account, storage)) as keeping:
        places = keeping.to_read()
        if dry_run:
            found = [Part(place.kind, place.name, place.count(), 0, "") for place in places]
            _tell("would be written", found, as_json=json)
            return
        with progress_bar() as progress:
            take(places, there, now=now, progress=progress)
    parts = there.verify().parts
    _tell("is written and was read again", parts, as_json=json)
    if any(part.left for part in parts):
        console(stderr=True).print(
            "Not every message could be seen without taking it. Stop the app and wait for empty queues, or let it run: "
            "what was ordered is ordered again by whoever hears nothing.",
            soft_wrap=True,
        )


def restore(
    folder: Source,
    merge: Annotated[
        bool, typer.Option("--merge", help="Storage need not be empty; what is there stays.")
    ] = False,
    account: Account = "",
    storage: Storage = "",
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Write the backup in FOLDER to storage and count it there. Stop the app first; reconcile the CRL afterwards."""
    there = BackupFolder(folder)
    with Keeping(environment(settings, account, storage)) as keeping:
        places = keeping.to_fill()
        pairs = matched(places, there)
        if dry_run:
            _tell("would be restored", [part for _, part in pairs], as_json=json)
            return
        keeping.create_missing()
        if not merge:
            refuse_unless_empty(places)
        with progress_bar() as progress:
            done = restore_to(pairs, there, progress)
    rows = [
        {"kind": each.part.kind, "name": each.part.name, "backup": each.part.count}
        | {"written": each.written, "kept": each.kept, "there": each.there}
        for each in done
    ]
    told = [row for row in rows if json or row["backup"] or row["there"]]
    columns = ("kind", "name", "backup", "written", "kept", "there")
    show(told, columns, as_json=json, title=f"{folder} is restored; next: manage.py crl reconcile")


def environment(settings: Path, account: str, storage: str) -> Mapping[str, str]:
    """How to reach storage: as asked, else as the environment says, else as the settings file does."""
    sources = (os.environ, local_values(settings))
    found = next(filter(None, map(_of_storage, sources)), {})  # one of them whole: two would be no account
    if prefix := [source[PREFIX] for source in sources if source.get(PREFIX)]:
        found[PREFIX] = prefix[0]
    if storage:
        found[STORAGE] = storage
    if account:
        found.pop(STORAGE, None)
        found.pop(f"{STORAGE}__clientId", None)  # the app's identity, not that of whoever is logged in
        for kind in ("blob", "queue", "table"):
            found[f"{STORAGE}__{kind}ServiceUri"] = f"https://{account}.{kind}.core.windows.net"
    return found


def _of_storage(source: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in source.items() if name.startswith(STORAGE)}


@contextmanager
def progress_bar() -> Iterator[Callable[[str, int, int | None], None]]:
    """A bar for each place, on stderr and only where somebody looks."""
    screen = console(stderr=True)
    looks = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*looks, console=screen, transient=True, disable=not screen.is_terminal) as bars:
        known: dict[str, int] = {}

        def tell(name: str, done: int, total: int | None) -> None:
            if name not in known:
                known[name] = bars.add_task(name, total=total)
            bars.update(known[name], completed=done)  # type: ignore[arg-type]

        yield tell


def _tell(done: str, parts: Sequence[Part], *, as_json: bool) -> None:
    rows = [
        {
            "kind": part.kind,
            "name": part.name,
            "items": part.count,
            "bytes": part.bytes,
            "not seen": part.left,
        }
        for part in parts
        if as_json or part.count or part.left
    ]
    total = sum(part.count for part in parts)
    show(rows, _COLUMNS, as_json=as_json, title=f"{total} items: the backup {done}")
