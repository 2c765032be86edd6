"""The fake, and the application that asks it, in place of the worker's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fakes.microsoft import FakeIntune
from shared import wiring
from shared.intune.client import IntuneClient
from tests.intune.scene import Scene, client_for
from tests.scep.authority import csr


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIntune]:
    with FakeIntune(tmp_path) as running:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(running.certificate))
        yield running


@pytest.fixture
def client(fake: FakeIntune) -> Iterator[IntuneClient]:
    """A client of the integration "default", with ten seconds for a call."""
    client = client_for(fake)
    yield client
    client.close()


@pytest.fixture
def request_der(fake: FakeIntune) -> bytes:
    return csr(challenge=fake.scep.challenges.mint("CN=dev1,O=Example"))


@pytest.fixture
def scene(fake: FakeIntune) -> Iterator[Scene]:
    """The whole application over memory, and the fake."""
    scene = Scene.make(fake)
    wiring.use(scene.app)
    yield scene
    wiring.use(None)
    scene.app.close()
