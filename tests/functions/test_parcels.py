"""`/manage/parcels`, `/manage/import-keys`: for administrators only, sized, and without secrets in the answers."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions import parcels, pfx
from shared import wiring
from tests.functions.application import body, queue_message, text
from tests.functions.imported import PFXApplication, keep, manage, order, parcel_order
from tests.pfx.imported_site import import_key
from tests.pfx.mail import USER, holder, signer


@pytest.fixture
def app() -> Iterator[PFXApplication]:
    application = PFXApplication()
    wiring.use(application)
    yield application
    wiring.use(None)


def listed(query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = body(manage(parcels.list_parcels, "GET", f"/manage/parcels{query}"))[
        "parcels"
    ]
    return found


def test_a_parcel_is_imported_once(app: PFXApplication) -> None:
    asked = parcel_order(app)
    first = manage(parcels.import_parcel, "POST", "/manage/parcels", asked)
    assert first.status_code == 201
    told = body(first)
    assert (told["user"], told["keyName"], told["keyVersion"], told["repeated"]) == (
        USER,
        "import",
        "v1",
        False,
    )
    assert told["importedBy"] == "local administrator"
    again = manage(parcels.import_parcel, "POST", "/manage/parcels", asked)
    assert (again.status_code, body(again)["repeated"]) == (200, True)
    assert listed() == [{name: value for name, value in told.items() if name != "repeated"}]


def test_answers_hold_neither_password_nor_file(app: PFXApplication) -> None:
    asked = parcel_order(app)
    answers = [
        manage(parcels.import_parcel, "POST", "/manage/parcels", asked),
        manage(parcels.list_parcels, "GET", "/manage/parcels"),
        manage(parcels.list_import_keys, "GET", "/manage/import-keys?count=1"),
        manage(parcels.rekey_parcels, "POST", "/manage/parcels/rekey", {}),
    ]
    for answer in answers:
        for secret in (asked["pfx"][:60], asked["encryptedPassword"][:60]):
            assert secret not in text(answer)


@pytest.mark.parametrize(
    ("changes", "status", "told"),
    [
        ({"pfx": b64encode(b"junk").decode()}, 400, "not a PFX"),
        ({"pfx": b64encode(holder().pfx()[:-5]).decode()}, 400, "cut off"),
        ({"pfx": b64encode(bytes(256 * 1024 + 1)).decode()}, 400, "262,145 bytes, and 262,144"),
        ({"pfx": b64encode(bytes(5 * 2**20)).decode()}, 400, "262,144 are taken at most"),
        ({"paddingScheme": "OaepSha512"}, 400, "PaddingScheme OaepSha256"),
        ({"keyName": "theirs"}, 403, "'theirs/v1' is not one of ours"),
        ({"encryptedPassword": b64encode(bytes(256)).decode()}, 400, "sealed to another key"),
        ({"thumbprint": "junk"}, 400, "thumbprint"),
        ({"user": "ann"}, 400, "user"),
        ({"purpose": "vpn"}, 400, "purpose"),
        ({"notBefore": "2026-01-01T00:00:00"}, 400, "notBefore"),
        ({"plain": "hidden secret"}, 400, "plain"),
    ],
    ids=range(12),
)
def test_what_is_wrong_is_told(app: PFXApplication, changes: Any, status: int, told: str) -> None:
    answer = manage(parcels.import_parcel, "POST", "/manage/parcels", parcel_order(app, **changes))
    assert answer.status_code == status
    assert told in text(answer)
    assert "hidden secret" not in text(answer)
    assert listed() == []


def test_another_purpose_is_told_with_the_way_out(app: PFXApplication) -> None:
    owner = holder()
    keep(app, owner)
    changed = parcel_order(app, owner, purpose="smimeSigning")
    answer = manage(parcels.import_parcel, "POST", "/manage/parcels", changed)
    assert answer.status_code == 403
    assert "delete it first" in text(answer)


def test_parcels_are_listed_as_asked(app: PFXApplication) -> None:
    app.enrol()
    ann, broken = holder(), signer(mail=("bob@example.org",))
    keep(app, ann)
    keep(app, broken, user="Bob@example.org", purpose="smimeSigning")
    assert [each["user"] for each in listed()] == [USER, "bob@example.org"]
    assert [each["thumbprint"] for each in listed("?user=BOB%40example.org")] == [broken.thumbprint]
    assert listed(f"?user={USER}&thumbprint={ann.thumbprint.upper()}")[0]["purpose"] == "smimeEncryption"
    assert len(listed("?limit=1")) == 1
    assert listed("?failing=1") == []
    app.private.remove(next(name for name in app.private.blobs if broken.thumbprint in name))
    pfx.deliver_pfx(queue_message(order(caller="mdm", user="bob@example.org")))
    (failing,) = listed("?failing=1")
    assert failing["user"] == "bob@example.org"
    assert "there is no blob" in failing["failure"]


def test_a_parcel_is_deleted(app: PFXApplication) -> None:
    told = keep(app)
    path = f"/manage/parcels?user={USER}&thumbprint={told['thumbprint']}"
    assert manage(parcels.remove_parcel, "DELETE", path).status_code == 200
    assert manage(parcels.remove_parcel, "DELETE", path).status_code == 404
    assert manage(parcels.remove_parcel, "DELETE", f"/manage/parcels?user={USER}").status_code == 400
    assert (listed(), app.private.blobs) == ([], {})


def test_the_import_key_is_told_with_what_it_takes(app: PFXApplication) -> None:
    told = body(manage(parcels.list_import_keys, "GET", "/manage/import-keys"))
    key = load_pem_public_key(told["current"]["publicKey"].encode())
    assert isinstance(key, rsa.RSAPublicKey)
    assert key == import_key(1).public_key()
    assert (told["current"]["paddingScheme"], told["largestPfx"], told["keys"]) == ("oaepSha256", 262144, [])


def test_parcels_move_to_the_next_key(app: PFXApplication) -> None:
    for number in range(3):
        keep(app, holder(f"user {number}"), user=f"user{number}@example.org")
    app.vault.count = 2
    before = body(manage(parcels.list_import_keys, "GET", "/manage/import-keys?count=1"))["keys"]
    assert [(each["version"], each["parcels"]) for each in before] == [("v2", 0), ("v1", 3)]
    first = body(manage(parcels.rekey_parcels, "POST", "/manage/parcels/rekey", {"most": 2}))
    assert (first["moved"], first["failures"]) == (2, [])
    rest = body(manage(parcels.rekey_parcels, "POST", "/manage/parcels/rekey", {"start": first["next"]}))
    assert (rest["moved"], rest["next"]) == (1, "")
    assert {each["keyVersion"] for each in listed()} == {"v2"}


def test_requests_are_listed(app: PFXApplication) -> None:
    app.enrol()
    keep(app)
    for identifier, device in (("a", "dev1"), ("b", "unknown")):
        pfx.deliver_pfx(queue_message(order(id=identifier, device=device, caller="mdm")))

    def states(query: str) -> dict[str, str]:
        answer = body(manage(parcels.list_pfx_requests, "GET", f"/manage/pfx-requests{query}"))
        return {each["id"]: each["state"] for each in answer["requests"]}

    assert states("") == {"a": "delivered", "b": "failed"}
    assert states("?state=failed") == {"b": "failed"}
    assert states("?caller=other") == {}


@pytest.mark.parametrize(
    ("trigger", "method", "path"),
    [
        (parcels.list_import_keys, "GET", "/manage/import-keys"),
        (parcels.import_parcel, "POST", "/manage/parcels"),
        (parcels.list_parcels, "GET", "/manage/parcels"),
        (parcels.remove_parcel, "DELETE", "/manage/parcels?user=a&thumbprint=b"),
        (parcels.rekey_parcels, "POST", "/manage/parcels/rekey"),
        (parcels.list_pfx_requests, "GET", "/manage/pfx-requests"),
    ],
)
def test_nobody_else_may(app: PFXApplication, trigger: Any, method: str, path: str) -> None:
    for headers in ({}, {"x-scepter-key": "wrong"}):
        assert manage(trigger, method, path, {}, headers).status_code == 403


def test_a_vault_that_is_away_is_told_to_come_again(app: PFXApplication) -> None:
    asked = parcel_order(app)
    app.vault.away = {"v1"}
    answer = manage(parcels.import_parcel, "POST", "/manage/parcels", asked)
    assert answer.status_code == 503


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=200))
def test_no_body_is_answered_with_500(app: PFXApplication, data: bytes) -> None:
    for trigger in (parcels.import_parcel, parcels.rekey_parcels):
        assert manage(trigger, "POST", "/manage/parcels", data).status_code in (200, 400)
