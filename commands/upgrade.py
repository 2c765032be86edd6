"""`manage.py upgrade`: rows and messages of a former schema version become those of this one. It reaches storage
directly, as whoever runs it; the app goes on.
"""

from __future__ import annotations

from collections.abc import Iterator

from commands.backup import Account, Storage, environment, progress_bar
from commands.ceremony import DryRun
from commands.session import DEFAULT_SETTINGS, Json, SettingsFile, console, show
from shared.store.migrations import MESSAGES, ROWS, Ladder
from shared.store.upgrading import Progress, Tally, upgrade_queue, upgrade_table
from shared.wiring.keeping import Keeping

_COLUMNS = ("kind", "name", "version", "current", "older", "migrated", "newer", "strange")


def upgrade(
    account: Account = "",
    storage: Storage = "",
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Migrate what is stored, after this version is deployed everywhere. Run it again if it was interrupted."""
    with Keeping(environment(settings, account, storage)) as keeping, progress_bar() as bar:
        done = list(_all(keeping, lambda name, seen: bar(name, seen, None), write=not dry_run))
    rows = [{"kind": kind, "name": tally.place, **vars(tally)} for kind, tally in done]
    told = [{column: row[column] for column in _COLUMNS} for row in rows if as_told(row) or json]
    count = sum(tally.older if dry_run else tally.migrated for _, tally in done)
    verb = "would be migrated" if dry_run else "are migrated"
    show(told, _COLUMNS, as_json=json, title=f"{count} rows and messages {verb}")
    for what in ("newer", "strange"):
        if number := sum(getattr(tally, what) for _, tally in done):
            why = (
                "of a later version of the program" if what == "newer" else "not as this program writes them"
            )
            console(stderr=True).print(f"{number} are {why}, and stay as they are.", soft_wrap=True)


def as_told(row: dict[str, object]) -> bool:
    """Whether there is anything to say of a place."""
    return any(row[column] for column in ("current", "older", "newer", "strange"))


def _all(keeping: Keeping, progress: Progress, *, write: bool) -> Iterator[tuple[str, Tally]]:
    rows, messages = Ladder(ROWS), Ladder(MESSAGES)
    for name, table in keeping.tables().items():
        yield "table", upgrade_table(name, table, rows, write=write, progress=progress)
    for name, (kept, queue) in keeping.kept_queues().items():
        yield "queue", upgrade_queue(name, kept, queue, messages, write=write, progress=progress)
