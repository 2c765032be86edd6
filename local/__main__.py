"""`python -m local`: the function app on this machine, until Ctrl-C or SIGTERM."""

import asyncio
import inspect
import logging
import os
import sys
import threading
from typing import Any

import typer

from local.app import THREADS
from local.failures import HostError
from local.host import Options, serve


def main(**given: Any) -> None:  # noqa: ANN401 - the signature is that of Options
    """Run the function app on this machine: HTTP, queues, timers and Event Grid, over Azurite."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("azure").setLevel(logging.WARNING)  # it logs every storage call
    code = 0
    try:
        asyncio.run(serve(Options(**given)))
    except HostError as error:
        typer.echo(f"The host stopped: {error}", err=True)
        code = error.exit_code
    for thread in [t for t in threading.enumerate() if t.name.startswith(THREADS)]:
        thread.join(0.5)
        if thread.is_alive():
            os._exit(code)  # a call that outstayed its grace would keep the process as long as it likes
    sys.exit(code)


main.__signature__ = inspect.signature(Options)  # type: ignore[attr-defined]
if __name__ == "__main__":
    typer.run(main)
