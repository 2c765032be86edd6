"""The interpreter that holds Microsoft's worker library; its tests skip without it, and fail without it under CI."""

import os
from pathlib import Path

import pytest

from tests.conformance.environment import INSTALL, conformance_python


@pytest.fixture(scope="session")
def python_313() -> Path:
    python = conformance_python()
    if python is not None:
        return python
    if os.environ.get("CI"):
        pytest.fail(f"no environment for the conformance tests: {INSTALL}")
    pytest.skip(INSTALL)
