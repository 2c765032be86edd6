"""The product's function app, except that the keys it makes and the passwords it draws are known to the test.

Keys come from the PEM files of PLANTED_KEYS, in turn; each password begins with PLANTED_MARK. With PLANTED_KILL, such
as `commit:50`, the host dies by SIGKILL right after that step was done for the fiftieth time.
"""

import importlib.util
import itertools
import os
import secrets
import signal
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key

import functions
from shared.pfx.attempts import Attempts
from shared.store.delivery_blobs import BlobDeliveryStore
from shared.store.tables import TableStore
from shared.wiring.pfx import Delivering

MARK, KEYS = os.environ["PLANTED_MARK"], Path(os.environ["PLANTED_KEYS"])
PRODUCT = Path(functions.__path__[0]).parent / "function_app.py"


def _plant() -> None:
    made: Any = vars(Delivering)["attempts"].func
    kinds = {"RSA-2048": "rsa", "P-256": "ec"}
    pools = {
        kind: itertools.cycle(
            [load_pem_private_key(path.read_bytes(), None) for path in KEYS.glob(f"{prefix}-*.pem")]
        )
        for kind, prefix in kinds.items()
    }

    def attempts(self: Delivering) -> Attempts:
        def key(kind: str) -> Any:
            return next(pools[kind])

        usual: Attempts = made(self)
        return replace(usual, make_key=key, make_password=lambda: f"{MARK}{secrets.token_urlsafe(16)}")

    planted = cached_property(attempts)
    planted.__set_name__(Delivering, "attempts")
    setattr(Delivering, "attempts", planted)  # noqa: B010 - mypy takes a cached property for a method


def _doom(step: str, count: int) -> None:
    of: Any = BlobDeliveryStore if step == "put" else TableStore
    original, done = getattr(of, step), itertools.count(1)

    def call_and_die(self: Any, *arguments: Any) -> Any:
        result = original(self, *arguments)
        if next(done) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(of, step, call_and_die)


def _product() -> Any:
    # Not by its name: that is the name of this module, too.
    spec = importlib.util.spec_from_file_location("product", PRODUCT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_plant()
if doom := os.environ.get("PLANTED_KILL"):
    _doom(doom.partition(":")[0], int(doom.partition(":")[2]))
app = _product().app
