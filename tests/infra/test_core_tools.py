"""`make func`: what it says without Core Tools, and what it does with a `func` that serves the app as they do."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from commands.core_tools import main
from commands.first_run import ROOT, write_settings
from tests.ports import free_port

# Takes Core Tools' arguments, serves with the embedded host, and leaves a grandchild as the real program does.
FUNC = """#!/bin/sh
[ "$1 $2" = "start --port" ] || exit 2
echo $$ >func.pid
{python} -m local --app {root} --settings local.settings.json --storage "$AzureWebJobsStorage" --port "$3" &
echo $! >host.pid
wait
"""


def install(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put `script` on the PATH as `func`, and settings with a free port into `folder`."""
    func = folder / "bin" / "func"
    func.parent.mkdir()
    func.write_text(script)
    func.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join([str(func.parent), os.environ["PATH"]]))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    settings = folder / "local.settings.json"
    here = {"SCEPTER_PROFILES_FILE": f"{folder}/profiles.toml", "SCEPTER_CA_FOLDER": f"{folder}/ca"}
    write_settings(settings, here)
    document = json.loads(settings.read_text())
    document["Host"]["LocalHttpPort"] = free_port()
    settings.write_text(json.dumps(document))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    # One that nobody has waited for yet is over as well.
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def await_end(pid_file: Path) -> None:
    pid, deadline = int(pid_file.read_text()), time.monotonic() + 20
    while is_running(pid):
        assert time.monotonic() < deadline, f"{pid_file.name}: {pid} was left behind"
        time.sleep(0.02)


def test_without_core_tools_it_says_how_to_get_them(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "commands.core_tools"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 9
    assert "npm install --global azure-functions-core-tools@4" in done.stderr
    assert "make run" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_func_that_ends_at_once_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, "#!/bin/sh\nexit 3\n", monkeypatch)
    assert main(["true"], tmp_path) == 9
    assert "its exit code: 3" in capsys.readouterr().err
    assert main([], tmp_path) == 3


@pytest.mark.host
def test_one_enrolment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    install(tmp_path, FUNC.format(python=sys.executable, root=ROOT), monkeypatch)
    enrol = [sys.executable, "-m", "tests.infra.enrol_once", str(tmp_path / "local.settings.json")]
    code = main(enrol, tmp_path)
    said = capfd.readouterr()
    assert code == 0, said
    assert "enrolled: serial " in said.out
    for name in ("func.pid", "host.pid"):
        await_end(tmp_path / name)
    assert main([sys.executable, "-c", "raise SystemExit(5)"], tmp_path) == 5


@pytest.mark.host
def test_the_end_takes_everything_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(tmp_path, "#!/bin/sh\nsleep 600 &\necho $! >sleep.pid\nwait\n", monkeypatch)
    program = f"import sys, pathlib, commands.core_tools as c; sys.exit(c.main([], pathlib.Path({str(tmp_path)!r})))"
    process = subprocess.Popen([sys.executable, "-c", program], cwd=ROOT)
    pid_file = tmp_path / "sleep.pid"
    try:
        deadline = time.monotonic() + 60
        while not pid_file.exists() or not pid_file.read_text():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    await_end(pid_file)
