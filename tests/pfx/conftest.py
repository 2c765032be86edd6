"""A world of its own for each test, with a device that can be sealed to."""

from __future__ import annotations

import pytest

from tests.pfx.world import PKCSWorld


@pytest.fixture
def world() -> PKCSWorld:
    world = PKCSWorld()
    world.enrol()
    return world
