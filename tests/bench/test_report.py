"""What a benchmark calls too much, how it is shown, and storage that was filled like by enrolments."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.fill import fill_depot
from bench.report import Report, best, show
from bench.servers import Server
from tests.e2e.micromdm import scepserver

ROOT = Path(__file__).resolve().parents[2]


def test_a_limit_is_only_passed_by_what_is_over_it() -> None:
    report = Report("some", "something")
    report.limit("the ratio", 2.5, 2.5)
    assert report.failures == []
    report.limit("the ratio", 2.51, 2.5)
    assert report.failures == ["the ratio is 2.51, at most 2.5"]


def test_the_best_are_the_lowest_or_the_highest() -> None:
    assert best([1, 2, 3, 4, 5, 6, 100]) == 2
    assert best([1, 2, 3, 4, 5, 6, 100], highest=True) == 6


def test_everything_is_one_document_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report("some", "something", [{"ratio": 1.5}], ["too much"])
    show({"cores": 2}, [report], as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "machine": {"cores": 2},
        "benchmarks": [
            {"name": "some", "about": "something", "rows": [{"ratio": 1.5}], "failures": ["too much"]}
        ],
    }
    show({"cores": 2}, [report], as_json=False)
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("cores 2", "something", "ratio", "1.5", "too much"))


@pytest.mark.long
def test_a_small_run_measures_every_kind_of_ca_key() -> None:
    """How much it is says nothing here: the machine is busy with tests."""
    command = [sys.executable, "-m", "bench", "in-process", "--count", "50", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 1), done.stderr
    (found,) = json.loads(done.stdout)["benchmarks"]
    assert [row["CA key"] for row in found["rows"]] == ["rsa-2048", "rsa-3072", "p-256"]
    assert all(row["ratio"] > 1 for row in found["rows"])
    assert done.returncode == bool(found["failures"])


@pytest.mark.client
def test_a_depot_that_was_filled_goes_on_where_it_was_left(tmp_path: Path) -> None:
    with scepserver(tmp_path, "secret-of-the-tests") as url:
        server = Server("scepserver", "rsa-2048", 0, url, 0, "secret-of-the-tests")
        server.enrol(2)
        fill_depot(tmp_path / "depot", 300)
        server.enrol(2)
    lines = (tmp_path / "depot" / "index.txt").read_text().splitlines()
    serials = [int(line.split("\t")[3], 16) for line in lines]
    assert serials == list(range(serials[0], serials[0] + 304))
    assert all((tmp_path / "depot" / line.split("\t")[4]).is_file() for line in lines)
