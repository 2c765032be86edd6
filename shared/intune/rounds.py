"""What a timer's round through a tenant came to, noted for whoever asks how it all is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.errors import PKIError
from shared.store.directory import Note, Notes


def note_round(
    notes: Notes, name: str, now: datetime, content: Mapping[str, Any], problem: PKIError | None = None
) -> None:
    """Write `content` down, with what went wrong and since when it last went well. Raises StoreUnavailable."""
    before = notes.read(name)
    kept: Mapping[str, Any] = before.content if before else {}
    good_at = now.isoformat() if problem is None else kept.get("goodAt", "")
    trouble = {"error": type(problem).__name__, "problem": problem.reason} if problem else {}
    known = {key: value for key, value in kept.items() if key not in ("error", "problem")} if problem else {}
    notes.write(Note(name, now, {**known, **content, **trouble, "goodAt": good_at}))
