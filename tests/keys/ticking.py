"""A clock that only sleeping moves, for what waits."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Ticking:
    """`slept` is each pause that was made."""

    time: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept.append(seconds)
        self.time += seconds
