"""What is wrong with a policy file, for the person who wrote it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FileProblem:
    """One problem: its line (from 1), the way to the field (`profiles.device.validity`), the reason."""

    line: int
    where: str
    reason: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason


class PolicyFileError(Exception):
    """A policy file that cannot be used. Holds every problem found; `line` and `reason` are the first one's.

    It never repeats values from the file: somebody may have put a secret there.
    """

    def __init__(self, source: str, problems: Sequence[FileProblem]) -> None:
        super().__init__("\n".join(f"{source}:{problem.line}: {problem}" for problem in problems))
        self.source = source
        self.problems = tuple(problems)
        self.line = problems[0].line
        self.reason = str(problems[0])
