"""Known passwords and keys go through every way there is: afterwards they are nowhere but sealed."""

from __future__ import annotations

import json
import logging
from base64 import b64encode
from collections.abc import Iterator

import pytest

from functions import parcels, pfx
from shared import wiring
from shared.store.pfx_requests import RequestState
from tests.functions.application import queue_message
from tests.functions.imported import (
    CONNECTOR_SECRET,
    MDM_SECRET,
    POISON,
    QUEUE,
    PFXApplication,
    brought,
    keep,
    manage,
    order,
    parcel_order,
    post,
    show,
)
from tests.pfx.imported_site import device_key, import_key, opened
from tests.pfx.mail import Holder, holder, key, signer
from tests.pfx.planted import forms_of_key, forms_of_password, found_in

PASSWORDS = ["planted password number one", "planted password number two", "gepflanztes Paßwort"]
OWNERS = ["planted 1", "planted 2", "planted 3"]


@pytest.fixture
def app() -> Iterator[PFXApplication]:
    application = PFXApplication()
    wiring.use(application)
    yield application
    wiring.use(None)


def places(app: PFXApplication, caplog: pytest.LogCaptureFixture) -> dict[str, bytes]:
    """Everything that outlives the calls, but for the deliveries and files themselves."""
    logged = caplog.text + "".join(repr(record.args) for record in caplog.records)
    found = {"log": logged.encode("utf-8", "surrogatepass")}
    found |= {f"table parcels {at}": repr(row).encode() for at, row in app.parcel_memory._parcels.items()}
    found |= {f"table requests {at}": repr(row).encode() for at, row in app.log._entries.items()}
    for name in (QUEUE, POISON):
        found |= {
            f"{name} {index}": json.dumps(each).encode() for index, each in enumerate(app.queues[name].sent)
        }
    found |= {f"blob {name}": data for name, (data, _) in app.private.blobs.items()}
    raw = [
        bytes(value)
        for row, _ in app.parcel_memory._parcels.values()
        for value in row.values()
        if isinstance(value, bytes)
    ]
    return found | {f"column {index}": data for index, data in enumerate(raw)}


def secrets(owners: list[Holder]) -> list[bytes]:
    keys = [owner.key for owner in owners] + [import_key(1), import_key(2), device_key()]
    forms = [form for password in PASSWORDS for form in forms_of_password(password)]
    forms += [form for each in keys for form in forms_of_key(each)]
    return forms + [secret.encode() for secret in (MDM_SECRET, CONNECTOR_SECRET)]


def test_secrets_are_nowhere_but_sealed(app: PFXApplication, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    device = app.enrol()
    owners = [holder(OWNERS[0]), signer(OWNERS[1]), holder(OWNERS[2])]
    keep(app, owners[0], password=PASSWORDS[0])
    keep(app, owners[1], password=PASSWORDS[1], purpose="smimeSigning")
    # What goes well, what is put off, what fails and what is refused.
    assert post(order()).status_code == 202
    app.vault.away = {"v1"}
    app.drain()
    app.vault.away = set()
    app.drain()
    sealed = app.vault.versions()[0].seal(PASSWORDS[2].encode())
    parcel = brought(
        app,
        encryptedPfxPassword=b64encode(sealed.ciphertext).decode(),
        pfx=b64encode(owners[2].pfx(PASSWORDS[2])).decode(),
    )
    for identifier, changes in (
        ("2", {"parcel": parcel}),
        ("3", {"parcel": {**parcel, "keyName": "theirs"}}),
        ("4", {"parcel": {**parcel, "paddingScheme": "pkcs1"}}),
        ("5", {"device": "unknown"}),
        ("6", {"user": "nobody@example.org"}),
    ):
        post(order(id=identifier, **changes))
    app.drain()
    post(order(id="2", device="dev2"))
    pfx.deliver_pfx(queue_message(order(caller="mdm", device="dev2")))
    manage(parcels.import_parcel, "POST", "/manage/parcels", parcel_order(app, holder("x"), keyName="theirs"))
    app.vault.count = 2
    manage(parcels.rekey_parcels, "POST", "/manage/parcels/rekey", {})
    for answer in (show(), show("2"), manage(parcels.list_parcels, "GET", "/manage/parcels")):
        assert found_in({"answer": answer.get_body()}, secrets(owners)) == []
    assert app.entry().state is app.entry("2").state is RequestState.DELIVERED
    assert {app.entry(each).state for each in ("3", "5", "6")} == {RequestState.FAILED}
    kept = places(app, caplog)
    assert len(kept) > 12
    assert found_in(kept, secrets(owners)) == []
    # And they are there, sealed.
    assert device.certificate is not None
    told = [opened(item, device.certificate, device_key()) for item in app.delivered().items]
    assert sorted(told) == sorted(PASSWORDS[:2])
    assert opened(app.delivered("2").items[0], device.certificate, device_key()) == PASSWORDS[2]


def test_an_unexpected_failure_logs_no_secret(
    app: PFXApplication, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    app.enrol()
    keep(app, holder(OWNERS[0]), password=PASSWORDS[0])

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("shared.pfx.password_sealing.seal", fail)
    with pytest.raises(ZeroDivisionError):
        pfx.deliver_pfx(queue_message(order(caller="mdm")))
    monkeypatch.setattr("shared.pfx.parcels.versioned", fail)
    answer = manage(parcels.import_parcel, "POST", "/manage/parcels", parcel_order(app, holder("y")))
    assert answer.status_code == 500
    assert "Traceback" in caplog.text
    assert found_in(places(app, caplog), secrets([holder(OWNERS[0])])) == []


def test_parts_show_no_secret(app: PFXApplication) -> None:
    keep(app, holder(OWNERS[0]), password=PASSWORDS[0])
    (parcel,) = app.parcel_store.all()
    shown = repr((app.imported_pfx, app.parcels, app.import_keys.versions(), app.callers, parcel))
    shown += repr(app.settings)
    assert found_in({"repr": shown.encode()}, secrets([holder(OWNERS[0])])) == []
    assert repr(parcel.password.ciphertext)[2:20] not in shown


def test_the_search_finds_what_is_there() -> None:
    """It is able to fail."""
    password, planted = PASSWORDS[2], key(OWNERS[0])
    forms = [*forms_of_password(password), *forms_of_key(planted)]
    for hidden in (
        json.dumps({"a": password}).encode(),
        json.dumps({"a": password}, ensure_ascii=False).encode(),
        b64encode(json.dumps({"pass": password}, ensure_ascii=False).encode()),
        password.encode("utf-16-be"),
        repr(password.encode()).encode(),
        *(form for form in forms_of_key(planted)),
    ):
        assert found_in({"here": b"xx" + hidden + b"yy"}, forms) == ["here"]
