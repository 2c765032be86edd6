"""The product's function app, except that it trusts a fake vault's root and has a token that the fake takes.

The test names the file of the root in FAKE_VAULT_TRUST.
"""

import importlib.util
import os
from pathlib import Path
from typing import Any

import functions
from shared.keys.vault_transport import VaultTransport
from shared.wiring.vault import VaultParts
from tests.vault.credential import FakeCredential

PRODUCT = Path(functions.__path__[0]).parent / "function_app.py"


def _product() -> Any:
    # Not by its name: that is the name of this module, too.
    spec = importlib.util.spec_from_file_location("product", PRODUCT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VaultParts.credential = FakeCredential()  # type: ignore[assignment]
VaultParts.vault_transport = VaultTransport(trust=os.environ["FAKE_VAULT_TRUST"])  # type: ignore[method-assign]
app = _product().app
