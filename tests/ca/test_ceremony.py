"""Making a CA: once, again, and after a cut at any step."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from shared.asn1 import oids
from shared.ca.ceremony import ROOT_CRL_LIFE, CAPlan, create
from shared.ca.folder import CAFolder
from shared.ca.responder_files import ISSUING, ROOT, ResponderFiles
from shared.errors import KeyUnavailable
from shared.keys import software
from shared.keys.ports import SigningKey
from shared.x509.certificate import verify_signature
from shared.x509.crl import parse_crl, verify_crl
from tests.scep.authority import DAY, NOW, URL

PLAN = CAPlan(root_key="p-384", issuing_key="p-256")
PASSWORD = "correct horse battery staple"


class Cut(BaseException):
    """The machine went away."""


@lru_cache
def _cheap_rsa(_: int) -> SigningKey:
    return software.generate("rsa-2048")


@pytest.fixture
def cheap_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """RSA keys are made once for all runs of the ceremony."""
    real = software.generate
    _cheap_rsa(1)
    monkeypatch.setattr(
        software, "generate", lambda kind: _cheap_rsa(1) if kind == "rsa-2048" else real(kind)
    )


class Scissors:
    """Cuts the power at the n-th change to the file system: before it, or in the middle of it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        self._wrap(monkeypatch, Path, "mkdir")
        self._wrap(monkeypatch, Path, "unlink")
        self._wrap(monkeypatch, Path, "replace")
        self._wrap(monkeypatch, os, "open")
        self._wrap(monkeypatch, os, "fdopen")
        self._wrap(monkeypatch, Path, "write_bytes", half=lambda path, data: path.write_text(str(data)[:50]))

    def _wrap(
        self, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, half: Callable[..., Any] | None = None
    ) -> None:
        real = getattr(owner, name)

        def step(*arguments: Any, **named: Any) -> Any:
            self.left -= 1
            if self.left == 0:
                if half:
                    half(*arguments)
                raise Cut
            return real(*arguments, **named)

        monkeypatch.setattr(owner, name, step)


def make(folder: CAFolder, *, progress: Callable[[str], None] = lambda _: None) -> None:
    create(folder, PLAN, base_url=URL, now=NOW.replace(microsecond=250), progress=progress)


def check(folder: CAFolder) -> None:
    """The folder holds a whole CA whose parts belong together."""
    issuer, root = folder.issuer(URL), folder.certificate("root")
    crl = folder.root_crl()
    assert crl is not None
    verify_crl(crl, root.public_key)
    assert issuer.chain == (root,)
    (ra,) = folder.ra_identities()
    assert ra.certificate.issuer.encoded == issuer.certificate.subject.encoded
    assert ra.certificate.public_key == ra.key.public_key()
    for stem, authority in ((ISSUING, issuer.certificate), (ROOT, root)):
        (responder,) = ResponderFiles(folder, stem).load()
        verify_signature(responder.certificate, authority.public_key)


def contents(path: Path) -> dict[str, bytes]:
    return {
        file.name: file.read_bytes() for file in sorted(path.iterdir()) if not file.name.endswith(".part")
    }


@pytest.mark.usefixtures("cheap_keys")
def test_a_ca_is_made_whole_and_reports_its_steps(tmp_path: Path) -> None:
    folder, steps = CAFolder(tmp_path / "ca"), list[str]()
    assert not folder.exists()
    make(folder, progress=steps.append)
    assert folder.exists()
    check(folder)
    assert steps == [
        "root key (p-384)",
        "root's OCSP responder key (p-256)",
        "issuing key (p-256)",
        "RA key (rsa-2048)",
        "OCSP responder key (p-256)",
    ]


@pytest.mark.usefixtures("cheap_keys")
def test_a_second_run_changes_nothing(tmp_path: Path) -> None:
    folder, steps = CAFolder(tmp_path), list[str]()
    make(folder)
    before = contents(tmp_path)
    make(folder, progress=steps.append)
    assert contents(tmp_path) == before
    assert steps == []


@pytest.mark.usefixtures("cheap_keys")
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_a_cut_at_any_step_is_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, password: str) -> None:
    cuts = 0
    for step in range(1, 100):
        folder = CAFolder(tmp_path / str(step), password)
        with monkeypatch.context() as patched:
            Scissors(patched, step)
            try:
                make(folder)
            except Cut:
                cuts += 1
            else:
                break
        kept = {name: data for name, data in contents_if_there(folder).items() if name.endswith(".pem")}
        make(folder)
        check(folder)
        assert kept.items() <= contents(folder.path).items(), "what was there stays"
    assert cuts >= 12, "the ceremony changes the file system more often than that"


def contents_if_there(folder: CAFolder) -> dict[str, bytes]:
    return contents(folder.path) if folder.path.exists() else {}


@pytest.mark.usefixtures("cheap_keys")
def test_key_files_are_private_and_the_folder_too(tmp_path: Path) -> None:
    folder = CAFolder(tmp_path / "deep" / "ca", PASSWORD)
    make(folder)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.path.glob("*.key")}
    assert set(modes.values()) == {0o600}
    assert {"root.key", "issuing.key", "ra-1.key"} < set(modes)
    assert len(modes) == 5
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    assert all(b"ENCRYPTED" in file.read_bytes() for file in folder.path.glob("*.key"))


@pytest.mark.usefixtures("cheap_keys")
def test_the_root_key_may_be_taken_away_once_the_ca_is_made(tmp_path: Path) -> None:
    folder = CAFolder(tmp_path)
    make(folder)
    (tmp_path / "root.key").unlink()
    make(folder)
    check(folder)
    (tmp_path / "issuing.pem").unlink()
    with pytest.raises(KeyUnavailable, match=r"root\.key"):
        make(folder)


@pytest.mark.usefixtures("cheap_keys")
def test_a_root_that_has_gone_is_not_missed_when_a_responder_is(tmp_path: Path) -> None:
    """A folder from before there was OCSP, whose root key is offline: the rest is made."""
    folder = CAFolder(tmp_path)
    make(folder)
    for leftover in [*tmp_path.glob("*ocsp-*"), tmp_path / "root.key"]:
        leftover.unlink()
    make(folder)
    assert ResponderFiles(folder, ROOT).load() == []
    assert len(ResponderFiles(folder, ISSUING).load()) == 1


@pytest.mark.usefixtures("cheap_keys")
def test_the_roots_responder_is_made_again_after_half_its_year(tmp_path: Path) -> None:
    folder = CAFolder(tmp_path)
    for days, count in ((0, 1), (182, 1), (183, 2), (366, 2)):
        create(folder, PLAN, base_url=URL, now=NOW + days * DAY)
        assert len(ResponderFiles(folder, ROOT).load()) == count
    folder.issuer(URL)


@pytest.mark.usefixtures("cheap_keys")
@pytest.mark.parametrize("ocsp", [True, False])
def test_the_issuing_ca_says_where_ocsp_is_if_it_should(tmp_path: Path, ocsp: bool) -> None:
    folder = CAFolder(tmp_path)
    create(folder, replace(PLAN, ocsp=ocsp), base_url=URL, now=NOW)
    value = folder.certificate("issuing").extensions[oids.AUTHORITY_INFORMATION_ACCESS][1]
    assert (f"{URL}/ocsp".encode() in value) is ocsp


@pytest.mark.usefixtures("cheap_keys")
def test_lives_are_the_plans_and_begin_a_day_early(tmp_path: Path) -> None:
    folder = CAFolder(tmp_path)
    make(folder)
    root, issuing = folder.certificate("root"), folder.certificate("issuing")
    assert root.not_before == issuing.not_before == NOW - DAY
    assert root.not_after - root.not_before == timedelta(days=20 * 365.25)
    assert issuing.not_after - issuing.not_before == timedelta(days=5 * 365.25)
    crl = folder.root_crl()
    assert crl is not None
    assert parse_crl(crl).next_update == NOW + ROOT_CRL_LIFE
    assert root.subject.text() == "CN=Scepter Root CA,O=Scepter"


@pytest.mark.parametrize(
    "wrong",
    [
        {"root_key": "dsa"},
        {"issuing_key": "rsa-1024"},
        {"root_years": 41},
        {"issuing_years": 0},
        {"root_years": 3, "issuing_years": 4},
    ],
)
def test_a_plan_that_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"key algorithm|lives must be"):
        CAPlan(**wrong)


@pytest.mark.parametrize(("root", "issuing"), [(1, 1), (40, 40), (20, 5)])
def test_lives_may_go_to_their_bounds(root: int, issuing: int) -> None:
    plan = CAPlan(root_years=root, issuing_years=issuing)
    assert plan.name("X").text() == "CN=X,O=Scepter"
