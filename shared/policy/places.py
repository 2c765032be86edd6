"""On which line of a TOML file a value stands: tomllib tells it for broken syntax only.

A light scan of table headers and keys, in files that tomllib has already accepted.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

Path = tuple[str | int, ...]

_KEY = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_DOTTED = rf"{_KEY}(?:\s*\.\s*{_KEY})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_DOTTED})\s*\]")
_ASSIGNMENT = re.compile(rf"\s*({_DOTTED})\s*=")
_PART = re.compile(_KEY)
_TRIPLE = re.compile(r'"""|' + r"'''")


def line_of(text: str, path: Sequence[str | int]) -> int:
    """The line (from 1) of the value at `path`, or of the nearest table around it; 1 if nothing is found."""
    places = _places(text)
    for length in range(len(path), 0, -1):
        line = places.get(tuple(path[:length]))
        if line is not None:
            return line
    return 1


def _places(text: str) -> Mapping[Path, int]:
    found: dict[Path, int] = {}
    entries: Counter[Path] = Counter()  # how often each array of tables was opened
    table: Path = ()
    for number, line in _code_lines(text):
        if header := _HEADER.match(line):
            table = _table(header[1] == "[[", _parts(header[2]), entries)
            _note(found, (), table, number)
        elif assignment := _ASSIGNMENT.match(line):
            _note(found, table, _parts(assignment[1]), number)
    return found


def _table(is_entry: bool, parts: Path, entries: Counter[Path]) -> Path:
    """The full path of a table; inside an array of tables it belongs to the last entry opened."""
    path: Path = ()
    for position, part in enumerate(parts, 1):
        path = (*path, part)
        if is_entry and position == len(parts):
            entries[path] += 1
        if entries[path]:
            path = (*path, entries[path] - 1)
    return path


def _note(found: dict[Path, int], table: Path, parts: Path, line: int) -> None:
    for length in range(1, len(parts) + 1):
        found.setdefault((*table, *parts[:length]), line)


def _parts(dotted: str) -> Path:
    return tuple(part[0].strip("\"'") for part in _PART.finditer(dotted))


def _code_lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that do not begin inside a multi-line string."""
    inside = ""
    for number, line in enumerate(text.split("\n"), 1):
        if not inside:
            yield number, line
        for quote in _TRIPLE.findall(line):
            inside = quote if not inside else "" if quote == inside else inside
