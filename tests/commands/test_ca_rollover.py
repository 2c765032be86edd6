"""The meter of a rollover and the revocation of a lost CA: page by page, counted by holder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from commands import ca

OLD, NEW = "0" * 16, "1" * 16


@dataclass
class Records:
    """What a host would say; `asked` counts requests by path."""

    live: dict[str, list[tuple[str, str]]]
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def answer(self, method: str, path: str, query: dict[str, str], body: dict[str, Any]) -> object:
        self.asked.append(f"{method} {path.rpartition('/')[2]}")
        if path == "/manage/authorities":
            return {"authorities": [_row(OLD, "former"), _row(NEW, "issuing")]}
        if path == "/manage/crl":
            return {"number": 9, "numbers": {OLD: 9, NEW: 3}}
        issuer, after = path.split("/")[3], query.get("after", body.get("after", ""))
        rows = [row for row in self.live[issuer] if row[0] > after]
        most = min(int(query.get("limit", body.get("most", 0))), 3)
        page, more = rows[:most], len(rows) > most
        if method == "POST":
            self.live[issuer] = [row for row in self.live[issuer] if row not in page]
            return {"count": len(page), "next": page[-1][0] if more else ""}
        return {"certificates": page, "next": page[-1][0] if more else ""}


def _row(issuer: str, part: str) -> dict[str, object]:
    times = {
        "notBefore": "2026-01-01",
        "notAfter": "2031-01-01T00:00:00",
        "issuesFrom": "2026-01-01T00:00:00",
    }
    return {"ca": "default", "id": issuer, "part": part, "subject": f"CN={part}", **times}


@pytest.fixture
def records() -> Iterator[Records]:
    """Eight devices under the old CA, of which three have moved; one of these twice, one new one."""
    old = [(f"{number:02}", f"device:{number}") for number in range(8)]
    new = [(f"{number:02}", f"device:{number % 3}") for number in range(4)] + [("99", "device:new")]
    served = Records({OLD: old, NEW: new})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            split = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            length = int(self.headers.get("content-length") or 0)
            content = json.loads(self.rfile.read(length) or b"{}")
            data = json.dumps(served.answer(self.command, split.path, query, content)).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_GET  # noqa: N815 - the library's name

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        served.url = f"http://127.0.0.1:{server.server_port}"
        yield served
        server.shutdown()


def told(records: Records, *command: str) -> Any:
    options = ("--url", records.url, "--settings", "none.json", "--json")
    done = CliRunner().invoke(ca.cli, [*command, *options], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_holders_are_counted_once_over_all_pages(records: Records) -> None:
    found = told(records, "rollover", "--missing", "3")
    rows = {each["id"]: each for each in found["authorities"]}
    assert (rows[OLD]["live"], rows[OLD]["holders"], rows[OLD]["share"]) == (8, 8, "88.9%")
    assert (rows[NEW]["live"], rows[NEW]["holders"], rows[NEW]["share"]) == (5, 4, "44.4%")
    assert found["missing"] == ["device:3", "device:4", "device:5"]
    assert records.asked.count("GET live") == 3 + 2


def test_a_lost_ca_is_revoked_to_its_last_page(records: Records) -> None:
    assert told(records, "compromise", OLD, "--dry-run")["live"] == 8
    assert len(records.live[OLD]) == 8
    done = told(records, "compromise", OLD)
    assert (done["revoked"], done["crl"]) == (8, 9)
    assert records.live[OLD] == []
    assert told(records, "compromise", OLD)["revoked"] == 0


def test_it_is_asked_before_anything_is_revoked(records: Records) -> None:
    options = ("--url", records.url, "--settings", "none.json")
    done = CliRunner().invoke(ca.cli, ["compromise", OLD, *options], input="n\n")
    assert done.exit_code == 1
    assert "Revoke 8 certificates of CN=former, for good?" in done.output
    assert len(records.live[OLD]) == 8


@pytest.mark.parametrize(("issuer", "words"), [(NEW, "issues"), ("2" * 16, "no CA of ours")])
def test_neither_who_issues_nor_a_stranger_is_revoked(records: Records, issuer: str, words: str) -> None:
    options = ("--url", records.url, "--settings", "none.json", "--yes")
    done = CliRunner().invoke(ca.cli, ["compromise", issuer, *options])
    assert done.exception is not None
    assert words in str(done.exception)
    assert "POST revocation" not in records.asked
