"""`manage.py upgrade` over storage that an earlier version wrote."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from commands.cli import cli
from local.azurite import Azurite
from tests.store.test_upgrading import FORMER


@pytest.fixture
def storage() -> Iterator[str]:
    with Azurite.start(in_memory=True) as azurite:
        yield azurite.connection_string


def run(storage: str, *words: str) -> Any:
    done = CliRunner().invoke(cli, [*words, "--json", "--storage", storage], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.azurite
def test_it_counts_migrates_and_finds_nothing_more_to_do(storage: str) -> None:
    run(storage, "restore", str(FORMER.path))

    def told(*words: str) -> tuple[int, int, int]:
        rows = run(storage, "upgrade", *words)
        assert {row["kind"] for row in rows} == {"table", "queue"}
        return (
            sum(row["older"] for row in rows),
            sum(row["migrated"] for row in rows),
            sum(row["current"] for row in rows),
        )

    assert told("--dry-run") == (2, 0, 8)
    assert told() == (2, 2, 8)
    assert told() == (0, 0, 10)
