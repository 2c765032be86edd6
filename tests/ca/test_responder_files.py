"""OCSP responders in the CA's folder: kept, read back, forgotten after their end; and two hosts over one folder."""

from __future__ import annotations

import logging
import stat
from pathlib import Path

import pytest

from shared.ca.folder import CAFolder
from shared.ca.responder_files import ISSUING, ROOT, ResponderFiles
from shared.ca.responder_identity import LIFE, ResponderIdentity
from shared.ca.responding import DelegatedResponder
from shared.store.memory import MemoryStore
from tests.ca.drafts import keys
from tests.ca.responders import Workshop, identity, serial
from tests.ca.stores import in_threads
from tests.scep.authority import DAY, NOW

PASSWORD = "correct horse battery staple"


@pytest.fixture
def files(tmp_path: Path) -> ResponderFiles:
    return ResponderFiles(CAFolder(tmp_path / "ca", PASSWORD), ISSUING)


def made(days: int = 0) -> ResponderIdentity:
    return identity(Workshop(), NOW + days * DAY)


def serials(files: ResponderFiles) -> set[str]:
    return {serial(kept) for kept in files.load()}


def test_what_is_kept_reads_back(files: ResponderFiles) -> None:
    assert files.load() == []
    one, other = made(), made()
    files.add(one, NOW)
    files.add(other, NOW)
    assert serials(files) == {serial(one), serial(other)}
    for kept in files.load():
        assert kept.key.public_key() == kept.certificate.public_key


def test_keys_are_private_and_encrypted(files: ResponderFiles) -> None:
    files.add(made(), NOW)
    (key,) = files.folder.path.glob("*.key")
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert b"ENCRYPTED" in key.read_bytes()
    assert "PRIVATE" not in repr(files.load())


def test_those_of_the_root_are_kept_apart(files: ResponderFiles) -> None:
    root = ResponderFiles(files.folder, ROOT)
    root.add(made(), NOW)
    assert files.load() == []
    assert len(root.load()) == 1


def test_the_next_sweeps_out_what_has_ended_and_nothing_else(files: ResponderFiles) -> None:
    first, second, third = made(), made(1), made(7)
    files.add(first, NOW)
    files.add(second, NOW + DAY)
    files.add(third, NOW + LIFE)
    assert serials(files) == {serial(second), serial(third)}
    assert len(list(files.folder.path.glob("ocsp-*.key"))) == 2


def test_what_is_broken_is_left_out_and_named(
    files: ResponderFiles, caplog: pytest.LogCaptureFixture
) -> None:
    good, keyless, foreign = made(), made(), made()
    for each in (good, keyless, foreign):
        files.add(each, NOW)
    (files.folder.path / f"ocsp-{serial(keyless)}.key").unlink()
    (files.folder.path / f"ocsp-{serial(foreign)}.key").unlink()
    (files.folder.path / f"ocsp-{serial(foreign)}.pem").rename(files.folder.path / "aside")
    files.folder.keep(f"ocsp-{serial(foreign)}", foreign.certificate, keys("another"))
    (files.folder.path / "ocsp-junk.pem").write_bytes(b"junk")
    with caplog.at_level(logging.WARNING):
        assert serials(files) == {serial(good)}
    for name in (serial(keyless), serial(foreign), "junk"):
        assert f"ocsp-{name} left out" in caplog.text
    assert "is not the key of" in caplog.text
    files.add(made(1), NOW + DAY)  # and stops nobody


def test_two_hosts_over_one_folder_renew_at_once(files: ResponderFiles) -> None:
    workshop, store = Workshop(), MemoryStore()
    hosts = [
        DelegatedResponder(
            workshop.issuer.certificate, files, store, make=lambda now: identity(workshop, now)
        )
        for _ in range(4)
    ]
    in_threads([lambda host=host: host.renew(NOW) for host in hosts])  # type: ignore[misc]
    kept = files.load()
    assert 1 <= len(kept) <= 4
    for each in kept:
        assert each.key.public_key() == each.certificate.public_key
    later = NOW + DAY / 12
    assert len({serial(host.current(later)) for host in hosts}) == 1
