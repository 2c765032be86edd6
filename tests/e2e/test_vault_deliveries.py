"""Deliveries over a CA in a vault: how often the vault is asked for a key made here, and for an imported PFX."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from shared.pfx.imported_request import PFXOrder
from shared.pfx.opening import open_sealed
from shared.pfx.order import PKCSOrder
from shared.pfx.parcel_order import ParcelOrder
from shared.store.parcels import Purpose
from shared.store.pfx_requests import RequestState
from tests.e2e.site import POLICY
from tests.e2e.test_vault_calls import Attempt, VaultApplication
from tests.pfx.mail import PASSWORD, USER, holder
from tests.scep.authority import key
from tests.vault.ceremony import install_ca
from tests.vault.clients import make_key
from tests.vault.server import FakeVault

pytestmark = pytest.mark.azurite

BASE_URL = "http://pki.example.org"
CALLER = "demo"


@pytest.fixture
def app(vault: FakeVault, azurite: Azurite, unique_name: str, tmp_path: Path) -> Iterator[VaultApplication]:
    """A worker with a CA and an import key in the vault, and a device `laptop` that has enrolled."""
    install_ca(vault, BASE_URL)
    policy = tmp_path / "profiles.toml"
    policy.write_text(POLICY.read_text("utf-8").replace('name = "demo"', 'name = "demo"\npfx = ["stored"]'))
    application = VaultApplication(vault, azurite, unique_name, SCEPTER_PROFILES_FILE=str(policy))
    make_key(application.vaults, vault.url, "pfx-import", "rsa-2048", key_operations=["decrypt"])
    reply = Attempt.make(application, device="laptop").send()
    assert reply.certificates, reply.fail_text
    vault.calls.clear()
    yield application
    application.close()


def test_a_key_that_is_made_here_is_one_signature(vault: FakeVault, app: VaultApplication) -> None:
    order = PKCSOrder.parse(json.dumps(mail_order()).encode())
    entry = app.pkcs.serve(order, app.callers.named(CALLER))
    assert entry.serial
    assert vault.calls == {"keys/sign": 1}
    app.pkcs.serve(order, app.callers.named(CALLER))
    assert vault.calls == {"keys/sign": 1}


def test_an_imported_pfx_is_one_decryption_at_its_import_and_one_at_each_delivery(
    vault: FakeVault, app: VaultApplication
) -> None:
    _ = app.import_keys.versions()
    vault.calls.clear()
    app.parcels.take(parcel(app), by="tests")
    assert vault.calls["keys/decrypt"] == 1
    vault.calls.clear()
    asked = PFXOrder(id="request-1", user=USER, device="laptop").request(CALLER)
    for _ in range(2):
        assert app.imported_pfx.handle(asked).state is RequestState.DELIVERED
    assert vault.calls == {"keys/decrypt": 1}
    content = app.deliveries.fetch(asked.delivery, app.delivery_keys.seal(asked.delivery), source="tests")
    (item,) = json.loads(content)["items"]
    sealed = b64decode(item["encryptedPassword"])
    assert open_sealed("cms", sealed, key(0)).decode() == PASSWORD
    assert vault.calls == {"keys/decrypt": 1}


def mail_order() -> dict[str, Any]:
    user = {"userPrincipalName": USER, "userName": "ann", "emailAddress": USER}
    return {"id": "order-1", "profile": "mail", "user": user, "device": {"id": "laptop"}}


def parcel(app: VaultApplication) -> ParcelOrder:
    """As an administrator's machine prepares it."""
    owner = holder()
    certificate = owner.certificate
    return ParcelOrder(
        user=USER,
        thumbprint=owner.thumbprint,
        purpose=Purpose.ENCRYPTION,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        subject="CN=Ann",
        password=app.import_keys.versions()[0].seal(PASSWORD.encode()),
        pfx=owner.pfx(),
    )
