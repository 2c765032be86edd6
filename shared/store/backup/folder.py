"""A backup in a folder: a file of JSON lines for each place, and a manifest with counts and SHA-256.

Everything is made for its owner alone (0600, the folder 0700): it holds names of people and devices, and sealed
passwords.
The digests find damage; against whoever may write to the folder they are no seal.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from hashlib import file_digest
from pathlib import Path
from typing import BinaryIO, Final

from shared.errors import IntegrityFailure, MalformedMessage, RequestError
from shared.store.backup.values import Item

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_NAME: Final = re.compile("(table|container|queue)-[A-Za-z0-9-]+").fullmatch


@dataclass(frozen=True)
class Part:
    """A place that was read to its end. `left` are messages of a queue that could not be seen, about."""

    kind: str
    name: str
    count: int
    bytes: int
    sha256: str
    left: int = 0

    def __post_init__(self) -> None:
        if not _NAME(f"{self.kind}-{self.name}"):  # it becomes the name of a file
            raise ValueError(self.name)

    @property
    def file(self) -> str:
        return f"{self.kind}-{self.name}.jsonl"


@dataclass(frozen=True)
class Manifest:
    """What a backup has; `finished_at` is empty as long as it is not whole."""

    started_at: str
    finished_at: str
    parts: tuple[Part, ...] = ()

    def part(self, kind: str, name: str) -> Part | None:
        """The part of a place, if it is there."""
        return next((part for part in self.parts if (part.kind, part.name) == (kind, name)), None)


class BackupFolder:
    """One backup, whole or begun."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def begin(self, now: datetime) -> Manifest:
        """A new one, or the one here that was interrupted. Raises RequestError if the folder is taken."""
        if (self.path / _MANIFEST).exists():
            found = self.manifest()
            if found.finished_at:
                raise RequestError(
                    f"{self.path} holds a backup that was finished at {found.finished_at}: name another folder"
                )
            return found
        if self.path.exists() and any(self.path.iterdir()):
            raise RequestError(f"{self.path} holds something else: name a folder that is empty or not there")
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self._keep(Manifest(now.isoformat(), ""))

    def manifest(self) -> Manifest:
        """Raises RequestError if there is none, MalformedMessage for one that is not ours."""
        try:
            told = json.loads((self.path / _MANIFEST).read_text("utf-8"))
            if told.pop("format") != FORMAT:
                raise MalformedMessage(f"{self.path} was made by a version that this one does not know")
            parts = tuple(Part(**part) for part in told.pop("parts"))
            return Manifest(**told, parts=parts)
        except FileNotFoundError:
            raise RequestError(f"{self.path} holds no backup") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise MalformedMessage(f"{self.path / _MANIFEST} is not a manifest of ours") from None

    def resume(self, part: Part) -> tuple[int, Item | None]:
        """How many items of an unfinished part are here, and the last; half a line at its end is cut off."""
        path = self._unfinished(part)
        if not path.exists():
            return 0, None
        count, whole, last = 0, 0, b""
        with path.open("r+b") as file:
            for line in file:
                if line.endswith(b"\n"):
                    count, whole, last = count + 1, whole + len(line), line
            file.truncate(whole)
        return count, _item(last, part) if last else None

    def discard(self, part: Part) -> None:
        """Forget what is here of an unfinished part."""
        self._unfinished(part).unlink(missing_ok=True)

    def append(self, part: Part) -> BinaryIO:
        """The file of an unfinished part, to write lines to its end."""
        descriptor = os.open(self._unfinished(part), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(descriptor, "ab")

    def finish(self, manifest: Manifest, part: Part) -> Manifest:
        """`part` is whole; the manifest says so."""
        path = self._unfinished(part)
        with path.open("rb") as file:
            os.fsync(file.fileno())  # before the manifest, which vouches for it
            digest = file_digest(file, "sha256").hexdigest()
        done = replace(part, bytes=path.stat().st_size, sha256=digest)
        path.replace(self.path / part.file)
        return self._keep(replace(manifest, parts=(*manifest.parts, done)))

    def end(self, manifest: Manifest, now: datetime) -> Manifest:
        """The backup is whole."""
        return self._keep(replace(manifest, finished_at=now.isoformat()))

    def verify(self) -> Manifest:
        """The manifest, once every file was read and is what it says. Raises RequestError, IntegrityFailure."""
        manifest = self.manifest()
        if not manifest.finished_at:
            raise RequestError(f"{self.path} holds a backup that was not finished: run it again")
        for part in manifest.parts:
            self._verify(part)
        return manifest

    def _verify(self, part: Part) -> None:
        try:
            with (self.path / part.file).open("rb") as file:
                digest = file_digest(file, "sha256").hexdigest()
                file.seek(0)
                count = sum(1 for _ in file)
        except FileNotFoundError:
            raise IntegrityFailure(f"{part.file} is missing") from None
        if (digest, count) != (part.sha256, part.count):
            raise IntegrityFailure(f"{part.file} is damaged: {count} lines, {part.count} were written")

    def items(self, part: Part) -> Iterator[Item]:
        """The items of a part that is whole."""
        with (self.path / part.file).open("rb") as file:
            for line in file:
                yield _item(line, part)

    def _unfinished(self, part: Part) -> Path:
        return self.path / f"{part.file}.part"

    def _keep(self, manifest: Manifest) -> Manifest:
        text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1)
        new = self.path / f"{_MANIFEST}.new"
        new.unlink(missing_ok=True)
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path / _MANIFEST)
        return manifest


def _item(line: bytes, part: Part) -> Item:
    try:
        item: Item = json.loads(line)
    except ValueError:
        raise MalformedMessage(f"{part.file} has a line that is not JSON") from None
    if not isinstance(item, dict):
        raise MalformedMessage(f"{part.file} has a line that is no object")
    return item
