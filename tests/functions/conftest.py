"""The triggers' application: in memory, put in place of the worker's own and taken away again."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared import wiring
from tests.functions.application import AZURE, MemoryApplication


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
