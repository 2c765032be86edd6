"""profiles.toml as a whole: profiles, callers, static challenges and event sources, checked against each other."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from shared.policy.callers import Caller, StaticChallenge, Voucher
from shared.policy.doubts import doubts
from shared.policy.entry import Entry, contradiction
from shared.policy.events import OUR_OWN, UNLISTED, EventSource, SourceTerms
from shared.policy.places import line_of
from shared.policy.problems import FileProblem, PolicyFileError
from shared.policy.profile import Profile


class Profiles(Entry):
    """The file. Every field either has an effect or is checked; what is not known is refused."""

    version: Literal[1]
    profiles: dict[str, Profile]
    callers: tuple[Caller, ...] = ()
    static_challenges: tuple[StaticChallenge, ...] = ()
    event_sources: tuple[EventSource, ...] = ()

    @classmethod
    def load(cls, path: Path) -> Self:
        """The profiles in a file. Raises PolicyFileError with every problem and its line."""
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8 text"
            raise PolicyFileError(str(path), [FileProblem(1, "", f"cannot be read: {reason}")]) from None
        return cls.parse(text, source=str(path))

    @classmethod
    def parse(cls, text: str, *, source: str = "profiles.toml") -> Self:
        """The profiles in a TOML text. Raises PolicyFileError with every problem and its line."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise PolicyFileError(source, [_syntax_problem(text, str(error))]) from None
        try:
            # Through JSON, for there a strict model takes lists and dates as what they are.
            return cls.model_validate_json(json.dumps(_named(document), default=str))
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False)
            problems = sorted(
                (_problem(text, detail) for detail in details), key=lambda problem: problem.line
            )
            raise PolicyFileError(source, problems) from None

    @field_validator("profiles")
    @classmethod
    def _named_by_their_keys(cls, value: dict[str, Profile]) -> dict[str, Profile]:
        if not value:
            raise contradiction("at least one profile is needed")
        for key, profile in value.items():
            if profile.name != key:
                raise contradiction("a profile's name is that of its table", key, "name")
        return value

    @model_validator(mode="after")
    def _agree(self) -> Self:
        self._check_vouchers("callers", self.callers, "sealed", "pkcs")
        self._check_vouchers("static_challenges", self.static_challenges, "static")
        names = [source.name for source in self.event_sources]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise contradiction(f"the name {name} is used twice", "event_sources", index, "name")
        return self

    def _check_vouchers(self, table: str, vouchers: Sequence[Voucher], *challenges: str) -> None:
        seen: set[str] = set()
        for index, voucher in enumerate(vouchers):
            if voucher.name in seen:
                raise contradiction(f"the name {voucher.name} is used twice", table, index, "name")
            seen.add(voucher.name)
            for name in voucher.profiles:
                profile = self.profiles.get(name)
                if profile is None:
                    raise contradiction(f"there is no profile {name}", table, index, "profiles")
                if profile.challenge not in challenges:
                    reason = f"profile {name} takes {profile.challenge} challenges, not {challenges[0]} ones"
                    raise contradiction(reason, table, index, "profiles")

    def get(self, name: str) -> Profile | None:
        """The profile of that name, None if there is none."""
        return self.profiles.get(name)

    def terms(self, source: str) -> SourceTerms:
        """How events of a source are met."""
        listed = {each.name: each.terms for each in self.event_sources}
        return listed.get(source) or OUR_OWN.get(source, UNLISTED)

    def warnings(self) -> list[str]:
        """What the file allows although it is rarely meant, one sentence each."""
        return doubts(self.profiles, self.callers, self.static_challenges)


def _named(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """Every profile table with the name it has as a key."""
    tables = document.get("profiles")
    if not isinstance(tables, Mapping):
        return document
    named = {
        key: {"name": key, **table} if isinstance(table, Mapping) else table for key, table in tables.items()
    }
    return {**document, "profiles": named}


def _syntax_problem(text: str, message: str) -> FileProblem:
    place = re.search(r" \(at (?:line (\d+), column \d+|end of document)\)$", message)
    if place is None:
        return FileProblem(1, "", message)
    line = int(place[1]) if place[1] else text.rstrip().count("\n") + 1
    return FileProblem(line, "", message[: place.start()])


_WORDING = {"extra_forbidden": "there is no such field", "missing": "this field is missing"}


def _problem(text: str, detail: ErrorDetails) -> FileProblem:
    location = tuple(part for part in detail["loc"] if part != "[key]")
    location += tuple(detail.get("ctx", {}).get("at", ()))
    reason = _WORDING.get(detail["type"], detail["msg"].removeprefix("Value error, "))
    return FileProblem(line_of(text, location), ".".join(map(str, location)), reason)
