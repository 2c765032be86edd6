"""The product's function app, except that it dies by SIGKILL just before one call of its store.

The test names the method of TableStore in KILL_BEFORE; it happens once, as soon as the file KILL_FLAG is there.
"""

import importlib.util
import os
import signal
from pathlib import Path
from typing import Any

import functions
from shared.store.tables import TableStore

METHOD, FLAG = os.environ["KILL_BEFORE"], Path(os.environ["KILL_FLAG"])
PRODUCT = Path(functions.__path__[0]).parent / "function_app.py"


def _patch() -> None:
    original = getattr(TableStore, METHOD)

    def call_or_die(self: TableStore, *arguments: Any) -> Any:
        if FLAG.exists():
            FLAG.unlink()
            os.kill(os.getpid(), signal.SIGKILL)
        return original(self, *arguments)

    setattr(TableStore, METHOD, call_or_die)


def _product() -> Any:
    # Not by its name: that is the name of this module, too.
    spec = importlib.util.spec_from_file_location("product", PRODUCT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_patch()
app = _product().app
