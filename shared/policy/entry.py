"""The kind of value every table of profiles.toml becomes: frozen, strict, without unknown fields."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic_core import PydanticCustomError


class Entry(BaseModel):
    """One table of the file. Strict: `"5"` is no number, `1` is not true. Errors never repeat the input."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, hide_input_in_errors=True)


def contradiction(reason: str, *at: str | int) -> PydanticCustomError:
    """An entry that speaks against itself or another one; `at` is the way to the field that should change."""
    # The braces of a pattern must not be read as placeholders, hence the reason as a value of its own.
    return PydanticCustomError("contradiction", "{reason}", {"reason": reason, "at": at})
