"""An application in memory in place of the worker's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared import wiring
from tests.functions.memory import MemoryApplication, make_ca

Make = Callable[..., MemoryApplication]


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def make(ca: Path) -> Iterator[Make]:
    """Makes the application with more settings, and puts it in the worker's place."""
    made: list[MemoryApplication] = []

    def begin(**settings: str) -> MemoryApplication:
        made.append(MemoryApplication(ca, **settings))
        wiring.use(made[-1])
        return made[-1]

    yield begin
    wiring.use(None)
    for application in made:
        application.store.gate.set()
        application.close()
