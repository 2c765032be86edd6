"""`python -m commands.core_tools`: the app under Azure Functions Core Tools, over Azurite, until Ctrl-C.

With a COMMAND behind it, that is run once the app answers, with its address in SCEPTER_URL; its exit code is ours.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import which
from subprocess import DEVNULL, Popen, TimeoutExpired, run

import httpx

from commands.first_run import ROOT, prepare
from local.azurite import Azurite
from local.failures import HostError
from local.settings import STORAGE, LocalSettings, read

START_SECONDS, STOP_SECONDS = 300, 20  # the first start fetches the extension bundle
WORKER = "languageWorkers__python__defaultExecutablePath"
MISSING = "no `func` here: npm install --global azure-functions-core-tools@4; `make run` does without"


class CoreToolsFailed(HostError):
    exit_code = 9  # `func` is missing, or did not serve the app


def main(command: Sequence[str], folder: Path = ROOT) -> int:
    """Serve the app in `folder`, until interrupted or for as long as `command` runs; returns the exit code."""
    try:
        with _serving(folder) as (process, url):
            return _run(command, url, process) if command else process.wait()
    except HostError as error:
        print(f"Core Tools: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 0


@contextmanager
def _serving(folder: Path) -> Iterator[tuple[Popen[bytes], str]]:
    if (func := which("func")) is None:
        raise CoreToolsFailed(MISSING)
    for made in prepare(folder / "local.settings.json"):
        print(f"made {made}", flush=True)
    port = read(folder / "local.settings.json", LocalSettings).port
    start = [func, "start", "--port", str(port)]
    with Azurite.start(in_memory=False, folder=folder / ".scepter" / "azurite") as azurite:
        # The environment wins over the settings file; the worker shall be the Python that has the packages.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        env = {**os.environ, STORAGE: azurite.connection_string, "PATH": path, WORKER: sys.executable}
        process = Popen(start, cwd=folder, env=env, stdin=DEVNULL, start_new_session=True)
        try:
            yield process, f"http://127.0.0.1:{port}"
        finally:  # `func` of npm is a wrapper, and the worker its grandchild: the whole group has to go
            for number in (signal.SIGTERM, signal.SIGKILL):
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, number)
                with suppress(TimeoutExpired):
                    process.wait(STOP_SECONDS)


def _run(command: Sequence[str], url: str, process: Popen[bytes]) -> int:
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(httpx.HTTPError):
            if httpx.get(f"{url}/scep/device?operation=GetCACaps", trust_env=False).is_success:
                return run(command, env={**os.environ, "SCEPTER_URL": url}, check=False).returncode
        time.sleep(0.2)
    raise CoreToolsFailed(f"`func` did not serve the app at {url}; its exit code: {process.poll()}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
