"""How policy says no: a precise sentence for the log and one for the stranger that names the point only."""

from __future__ import annotations

from shared.errors import PolicyViolation

_SHOWN = 80


def refusal(point: str, detail: str = "") -> PolicyViolation:
    """`point` may be read by anybody; `detail` (values, patterns) goes to the log only."""
    return PolicyViolation(f"{point}: {detail}" if detail else point, public=f"{point}.")


def quoted(value: str) -> str:
    """A stranger's value for a log line: control characters escaped, long ones cut."""
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "\u2026")
