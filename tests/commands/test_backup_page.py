"""docs/backup.md and others: each command is one, and what it says of files, orders and settings is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from commands.backup import environment
from commands.session import DEFAULT_SETTINGS
from shared.store import connection
from shared.wiring.keeping import Keeping
from tests.infra.test_bicep import ROOT, bindings_of_the_code
from tests.infra.test_pages import commands, faults

PAGES = ("backup.md", "upgrade.md", "migrating.md", "threat-model.md")


def page(name: str) -> str:
    return (ROOT / "docs" / name).read_text("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_the_page_is_one(name: str) -> None:
    text = page(name)
    lines = [line.strip() for line in commands(re.sub(r"(?m)^ +", "", text))]
    lines += [f"python {words}" for words in re.findall(r"`(manage\.py [a-z][^`]*)`", text)]
    assert lines or name == "threat-model.md"
    assert {line: list(faults(line)) for line in lines if list(faults(line))} == {}


@pytest.mark.parametrize("name", PAGES)
def test_every_link_and_path_leads_somewhere(name: str) -> None:
    text = page(name)
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert (ROOT / "docs" / link).is_file(), link
    for path in re.findall(r"`((?:shared|functions|commands|tests|infra)/[\w./-]+)`", text):
        assert (ROOT / path).exists(), path
    settings = page("settings.md")
    for setting in re.findall(r"`(SCEPTER_[A-Z_]+)`", text):
        assert setting in settings, setting


def test_every_table_container_and_queue_of_the_code_is_in_a_backup() -> None:
    code = "".join(path.read_text("utf-8") for path in (ROOT / "shared" / "wiring").glob("*.py"))
    with Keeping({"AzureWebJobsStorage": "UseDevelopmentStorage=true"}) as keeping:
        kept = {(place.kind, place.name) for place in keeping.to_read()}
        assert kept == {(place.kind, place.name) for place in keeping.to_fill()}
    tables = set(re.findall(r"\btable\(\"(\w+)\"\)", code))
    assert len(tables) > 15
    assert {("table", name) for name in tables} <= kept
    containers = {name or "PUBLICATIONS" for name in re.findall(r"storage\.container\((\w*)\)", code)}
    assert {("container", getattr(connection, name)) for name in containers - {"name"}} <= kept
    queues = {queue for _, queue in bindings_of_the_code()}
    assert {("queue", name) for queue in queues for name in (queue, f"{queue}-poison")} <= kept


def test_storage_is_where_the_command_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AzureWebJobsStorage", "of the environment")
    monkeypatch.setenv("AzureWebJobsStorage__clientId", "the app's")
    file = tmp_path / "local.settings.json"
    file.write_text(
        '{"Values": {"AzureWebJobsStorage": "of the file", "SCEPTER_TABLE_PREFIX": "x", "OTHER": "y"}}'
    )
    assert environment(file, "", "")["AzureWebJobsStorage"] == "of the environment"
    assert environment(file, "", "as asked")["AzureWebJobsStorage"] == "as asked"
    assert environment(tmp_path / DEFAULT_SETTINGS.with_suffix(".none"), "stscepter", "") == {
        f"AzureWebJobsStorage__{kind}ServiceUri": f"https://stscepter.{kind}.core.windows.net"
        for kind in ("blob", "queue", "table")
    }
    monkeypatch.delenv("AzureWebJobsStorage")
    assert environment(file, "", "") == {
        "AzureWebJobsStorage__clientId": "the app's",
        "SCEPTER_TABLE_PREFIX": "x",
    }
    monkeypatch.delenv("AzureWebJobsStorage__clientId")
    assert environment(file, "", "") == {"AzureWebJobsStorage": "of the file", "SCEPTER_TABLE_PREFIX": "x"}
