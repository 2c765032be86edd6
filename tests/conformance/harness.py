"""An app folder through Microsoft's own worker library, in a process of its own on Python 3.13."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")


@dataclass(frozen=True)
class Invocation:
    """One call: of an HTTP function `method`, `url` and perhaps `headers`, `query`, `params`, `body` (hex); of a queue
    function `body` (hex) and `metadata`; else the JSON object that the trigger brings."""

    function: str
    trigger: Mapping[str, Any]


@dataclass(frozen=True)
class Outcome:
    """What the worker reported: why indexing failed, the bindings of each function, a result for each invocation."""

    failure: str | None
    functions: Mapping[str, list[dict[str, Any]]]
    results: Sequence[dict[str, Any]]


def run_app(
    python: Path, app: Path, invocations: Sequence[Invocation], folder: Path, environment: Mapping[str, str]
) -> Outcome:
    """Index `app` and make `invocations` in order; `folder` is the worker's to write in."""
    result = folder / "result.json"
    calls = [{"function": call.function, "trigger": dict(call.trigger)} for call in invocations]
    ended = subprocess.run(
        [python, WORKER, app, result],
        input=json.dumps(calls).encode(),
        env={"PATH": os.environ["PATH"], **environment},
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=90,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout.decode(errors="replace")
    return Outcome(**json.loads(result.read_text()))
