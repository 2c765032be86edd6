"""Imported PFX from the administrator's command line to the device, over a real host; no secret stays anywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.azurite import Azurite
from shared.store.pfx_requests import RequestState
from tests.e2e.command_line import manage, run
from tests.e2e.host import Host
from tests.e2e.imported import SECRET, Storage, ask, opens, passwords, prepared, stored
from tests.pfx.mail import Holder, holder, signer
from tests.pfx.planted import forms_of_key, forms_of_password, found_in
from tests.programs import OpenSSL

pytestmark = pytest.mark.host

USER = "ann@example.org"
YESTERDAY = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
READS, SIGNS, OLD = (
    holder("e2e reads", begins=YESTERDAY),
    signer("e2e signs", begins=YESTERDAY),
    holder("e2e old", begins=YESTERDAY - timedelta(days=900)),
)
FILES = {
    "reads": (READS, "first password - planted"),
    "signs": (SIGNS, "second password - planted"),
    "old": (OLD, "drittes Paßwort - planted"),
}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Storage]:
    folder = tmp_path_factory.mktemp("imported")
    with (
        Azurite.start(in_memory=True) as azurite,
        stored(prepared(folder, azurite.connection_string)) as ready,
    ):
        yield ready


@pytest.fixture(scope="module")
def host(storage: Storage) -> Iterator[Host]:
    with storage.site.running() as running:
        yield running


def until(storage: Storage, identifier: str, *states: RequestState) -> Any:
    """What is on record once the request is in one of the states."""
    deadline = time.monotonic() + 40
    while (found := storage.requests.find("mdm", identifier)) is None or found.state not in states:
        assert time.monotonic() < deadline, storage.site.output.read_text()
        time.sleep(0.1)
    return found


def write(folder: Path) -> None:
    for name, (owner, password) in FILES.items():
        (folder / f"{name}.pfx").write_bytes(owner.pfx(password))


def secrets(owners: list[Holder]) -> list[bytes]:
    forms = [form for _, password in FILES.values() for form in forms_of_password(password)]
    forms += [form for owner in owners for form in forms_of_key(owner.key)]
    return [*forms, SECRET.encode()]


def test_from_the_administrator_to_the_device_and_nowhere_else(
    storage: Storage, host: Host, tmp_path: Path, openssl: OpenSSL
) -> None:
    import_and_deliver(storage, host, tmp_path, openssl)
    move_to_the_next_key(storage, host)
    look_for_secrets(storage)


def import_and_deliver(storage: Storage, host: Host, tmp_path: Path, openssl: OpenSSL) -> None:
    write(tmp_path)
    (device,) = storage.enrol(1)
    one = manage(
        *(host, "pfx", "import", str(tmp_path / "signs.pfx"), "--user", USER, "--purpose", "smimeSigning"),
        PFX_PASSWORD=FILES["signs"][1],
    )
    assert (one.code, one.said) == (0, f"{SIGNS.thumbprint} of {USER}: imported")
    table = tmp_path / "users.csv"
    rows = [f"{name}.pfx,{USER},smimeEncryption,{FILES[name][1]}" for name in ("reads", "old")]
    table.write_text("\n".join(["file,user,purpose,password", *rows]), "utf-8")
    bulk = ("pfx", "import-folder", str(tmp_path), "--csv", str(table), "--utf8-password")
    assert "2 imported" in manage(host, *bulk).said
    assert "0 imported, 2 were there already" in manage(host, *bulk).said
    listed = manage(host, "pfx", "list", "--user", USER, "--json").json
    assert {each["thumbprint"] for each in listed} == {owner.thumbprint for owner, _ in FILES.values()}
    accepted = ask(host, id="first", user=USER, device=device.name)
    assert accepted.status_code == 202, accepted.text
    entry = until(storage, "first", RequestState.DELIVERED)
    assert not any(part.failure for part in entry.parts)
    delivery = storage.delivery("first")
    assert delivery is not None
    expected = {owner.thumbprint: password for owner, password in FILES.values()}
    assert passwords(delivery, device) == expected
    for item in delivery.items:
        opens(openssl, item.pfx, expected[item.thumbprint])
    shown = manage(host, "pfx", "requests", "--json").json
    assert [(each["id"], each["state"]) for each in shown] == [("first", "delivered")]


def move_to_the_next_key(storage: Storage, host: Host) -> None:
    """A new key is made beside the running host, which sees it."""
    before = storage.import_keys.versions()[0].version
    folder = str(storage.site.folder / "ca")
    made = run("pfx", "new-key", "--folder", folder)
    assert made.code == 0, made.said
    counts = {each["version"]: each["parcels"] for each in manage(host, "pfx", "key", "--json").json}
    assert len(counts) == 2
    assert counts[before] == 3
    moved = manage(host, "pfx", "rekey", "--json").json
    assert moved == {"moved": 3, "failures": []}
    (device,) = storage.enrol(1)
    assert ask(host, id="after-the-new-key", user=USER, device=device.name).status_code == 202
    until(storage, "after-the-new-key", RequestState.DELIVERED, RequestState.FAILED)
    delivery = storage.delivery("after-the-new-key")
    assert delivery is not None
    assert len(passwords(delivery, device)) == 3


def look_for_secrets(storage: Storage) -> None:
    """After all of this: the host's log, every table, queue and blob."""
    owners = [owner for owner, _ in FILES.values()]
    places = storage.everything()
    assert any(name.startswith("parcels stored/") for name in places)
    assert any(name.startswith("deliveries pfx-") for name in places)
    assert found_in(places, secrets(owners)) == []
    keys = [path.read_bytes().splitlines()[5] for path in (storage.site.folder / "ca").glob("import*.key")]
    assert len(keys) == 2
    assert found_in(places, keys) == []
    assert storage.import_keys.versions()[0].version.encode() in b"".join(places.values())
