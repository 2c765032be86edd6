"""A tenant with users and devices, and the application that looks at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fakes.microsoft import FakeIntune
from shared import wiring
from tests.intune.directory.tenant import Tenant


@pytest.fixture
def tenant(fake: FakeIntune, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    """Nothing has been looked at yet."""
    tenant = Tenant.make(fake)
    wiring.use(tenant.app)
    yield tenant
    wiring.use(None)
    tenant.app.close()
