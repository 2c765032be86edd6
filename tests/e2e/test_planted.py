"""The search for planted secrets finds them however they are spelt; else its silence would prove nothing."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.planted import Planted

SPELT: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "hexadecimal": lambda data: data.hex().upper().encode(),
    "base64": base64.b64encode,
    "base64url": base64.urlsafe_b64encode,
    "JSON in base64": lambda data: base64.b64encode(
        json.dumps({"key": base64.b64encode(data).decode()}).encode()
    ),
}


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return Planted.make(tmp_path_factory.mktemp("planted") / "keys", rsa_keys=1, ec_keys=1)


@pytest.mark.parametrize("spelt", SPELT)
@pytest.mark.parametrize("before", [b"", b"a", b"ab", b"abc"])
def test_every_secret_is_found(planted: Planted, spelt: str, before: bytes) -> None:
    for number, secret in enumerate(planted.secrets):
        around = SPELT[spelt](b"some text in front " + before + secret + b" and some behind it")
        assert any(f"secret {number}" in trace for trace in planted.traces(b"<<" + around + b">>"))


def test_keys_are_found_in_their_files_and_nothing_elsewhere(planted: Planted, tmp_path: Path) -> None:
    for path in planted.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = planted.search(tmp_path)
    assert {line.split(":")[0] for line in found} == {"rsa-0.pem", "ec-0.pem"}
    assert planted.search(planted.folder) == []
    (tmp_path / "rsa-0.pem").write_bytes(b"nothing of note " * 1000)
    (tmp_path / "ec-0.pem").unlink()
    assert planted.search(tmp_path) == []
