"""Ids of devices and names of users as the world writes them; both go on record in lower case."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

DeviceId = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f/\\#?]*$")]
UserName = Annotated[
    str, Field(min_length=3, max_length=256, pattern=r"^[^\x00-\x20\x7f/\\]+@[^\x00-\x20\x7f/\\@]+$")
]
"""A principal name; those of guests have a `#`."""
