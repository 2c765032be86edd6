"""What bulk imports of PFX read and write: the CSV file of files and users, and the report."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import typer

from shared.errors import RequestError

COLUMNS = ("file", "user", "purpose", "password", "mail", "thumbprint")
REPORT = ("line", "file", "user", "purpose", "thumbprint", "status", "note")
Row = dict[str, object]


def read_rows(path: Path) -> list[dict[str, str]]:
    """The rows by column. Raises typer.BadParameter for a header with other columns."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        unknown = set(reader.fieldnames or ()) - set(COLUMNS)
        if unknown or not {"file", "user"} <= set(reader.fieldnames or ()):
            raise typer.BadParameter(
                f"{path}: the first line has to name file and user, and may name {', '.join(COLUMNS[2:])}"
            )
        # Passwords may begin or end with a space.
        return [
            {
                key: (value or "") if key == "password" else (value or "").strip()
                for key, value in row.items()
                if key
            }
            for row in reader
        ]


def inside(folder: Path, name: str) -> Path:
    """The file `name` of the folder. Raises RequestError for one that is elsewhere."""
    path = folder / name
    if not name or not path.resolve().is_relative_to(folder.resolve()):
        raise RequestError(f"file {name!r} is not one in {folder}")
    return path


@contextmanager
def written(path: Path | None) -> Iterator[Callable[[Row], None]]:
    """Writes each row at once, so that there is a report however it ends."""
    if path is None:
        yield lambda _: None
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, REPORT, extrasaction="ignore")
        writer.writeheader()

        def write(row: Row) -> None:
            writer.writerow(row)
            file.flush()

        yield write
