"""Regular expressions of administrators, run against values of strangers.

The engine is the linear-time one of Rust's `regex` crate, reached through pydantic-core: no look-around, no
back-references, and no input that makes a pattern slow. A pattern always has to match the whole value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated

from pydantic import PlainValidator
from pydantic_core import SchemaError, SchemaValidator, core_schema

MAX_PATTERN_LENGTH = 1024
_PROBE = "\u2603 anything?! <'\"\\/|;#%&*> @ ~"


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression for a whole value. Raises ValueError if it is none."""

    source: str
    _engine: SchemaValidator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.source) > MAX_PATTERN_LENGTH:
            raise ValueError(f"a pattern longer than {MAX_PATTERN_LENGTH} characters")
        _compile(self.source)  # by itself first: `a)|(b` must not close the anchoring group
        object.__setattr__(self, "_engine", _compile(rf"\A(?:{self.source})\z"))

    def matches(self, value: str) -> bool:
        """Whether the whole of `value` is what the pattern describes."""
        return self._engine.isinstance_python(value)

    @property
    def is_open(self) -> bool:
        """Whether the pattern says nothing, such as `.*`: it takes a text that no naming rule would allow."""
        return self.matches(_PROBE)

    @classmethod
    def parse(cls, value: object) -> Pattern:
        """A pattern from the text in a file. Raises ValueError."""
        if isinstance(value, Pattern):
            return value
        if not isinstance(value, str):
            raise ValueError("a pattern is a text")  # noqa: TRY004 - pydantic collects ValueError only
        return cls(value)


PatternText = Annotated[Pattern, PlainValidator(Pattern.parse)]


def _compile(source: str) -> SchemaValidator:
    try:
        return SchemaValidator(core_schema.str_schema(pattern=source, regex_engine="rust-regex"))
    except SchemaError as error:
        raise ValueError(f"not a usable pattern: {_last_line(str(error))}") from None


def _last_line(message: str) -> str:
    return message.strip().rsplit("\n", 1)[-1].removeprefix("error: ")
