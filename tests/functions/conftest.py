"""The triggers' application: in memory, put in place of the worker's own and taken away again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from shared import wiring
from tests.functions.application import AZURE, MemoryApplication
from tests.functions.memory import MemoryApplication as CountedApplication
from tests.functions.memory import make_ca

Make = Callable[..., CountedApplication]


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("ca"))


@pytest.fixture
def make(ca: Path) -> Iterator[Make]:
    """Makes the application with more settings, and puts it in the worker's place."""
    made: list[CountedApplication] = []

    def begin(**settings: str) -> CountedApplication:
        made.append(CountedApplication(ca, **settings))
        wiring.use(made[-1])
        return made[-1]

    yield begin
    wiring.use(None)
    for application in made:
        application.store.gate.set()
        application.close()


@pytest.fixture
def app() -> Iterator[MemoryApplication]:
    """As on the embedded host."""
    yield from _in_place(MemoryApplication())


@pytest.fixture
def azure_app() -> Iterator[MemoryApplication]:
    """As in Azure."""
    yield from _in_place(MemoryApplication(AZURE))


def _in_place(application: MemoryApplication) -> Iterator[MemoryApplication]:
    wiring.use(application)
    yield application
    wiring.use(None)
