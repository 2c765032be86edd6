"""`POST /pfx/requests` and the queue `pfx-requests`: both shapes, every refusal, and twice is once."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions import deliveries, pfx
from shared import wiring
from shared.errors import StoreUnavailable
from shared.pfx.imported_delivery import ImportedDelivery
from shared.pfx.imported_request import BROUGHT
from shared.store.pfx_requests import RequestState
from tests.functions.application import AZURE, body, call, queue_message, request, text
from tests.functions.imported import (
    CONNECTOR_SECRET,
    MDM_SECRET,
    POISON,
    QUEUE,
    PFXApplication,
    brought,
    keep,
    order,
    post,
    show,
)
from tests.pfx.imported_site import device_certificate, device_key, opened, tiny_certificate
from tests.pfx.mail import PASSWORD, holder
from tests.scep.authority import DAY, NOW


@pytest.fixture
def app() -> Iterator[PFXApplication]:
    application = PFXApplication()
    wiring.use(application)
    yield application
    wiring.use(None)


def sent(app: PFXApplication) -> list[Any]:
    return [content for content, _ in app.queues[QUEUE].sent]


def kept(app: PFXApplication) -> list[Any]:
    return [content for content, _ in app.queues[POISON].sent]


def certificate(der: bytes) -> dict[str, str]:
    return {"certificate": b64encode(der).decode()}


def test_what_is_stored_is_delivered(app: PFXApplication) -> None:
    device, owner = app.enrol(), holder()
    keep(app, owner)
    accepted = post(order())
    assert (accepted.status_code, body(accepted)["state"]) == (202, "begun")
    assert sent(app) == [{**order(), "caller": "mdm"}]
    app.drain()
    (item,) = app.delivered().items
    assert device.certificate is not None
    assert opened(item, device.certificate, device_key()) == PASSWORD
    told = body(show())
    key = {"authorization": f"Bearer {told['key']}"}
    path, route = told["delivery"], {"id": told["delivery"].rpartition("/")[2]}
    fetched = call(deliveries.fetch_delivery, request("GET", path, headers=key, route=route))
    assert ImportedDelivery.parse(fetched.get_body()) == app.delivered()
    assert body(accepted)["delivery"] == path
    assert (told["state"], told["device"], told["recipient"]) == ("delivered", "dev1", device.serial)
    assert told["certificates"] == [
        {"thumbprint": owner.thumbprint, "purpose": "smimeEncryption", "failure": ""}
    ]
    again = post(order())
    assert (again.status_code, body(again)["state"]) == (200, "delivered")
    assert sent(app) == []


def test_a_request_may_bring_its_parcel(app: PFXApplication) -> None:
    device = app.enrol()
    asked = order(parcel=brought(app))
    assert post(asked).status_code == 202
    (message,) = sent(app)
    assert "pfx" not in message["parcel"]
    assert message["parcel"]["pfxBlob"].startswith(f"{BROUGHT}mdm/")
    app.drain()
    (item,) = app.delivered().items
    assert b64encode(item.pfx).decode() == asked["parcel"]["pfx"]
    assert device.certificate is not None
    assert opened(item, device.certificate, device_key()) == PASSWORD
    assert post(asked).status_code == 200


def test_a_caller_with_the_permission_names_the_recipient(app: PFXApplication) -> None:
    theirs = device_certificate(device_key("intune"))
    asked = order(parcel=brought(app), recipient=certificate(theirs.der), device="intune-1")
    assert post(asked).status_code == 202
    app.drain()
    assert kept(app)[0]["reason"].startswith("mdm: pfx in the policy file does not list 'recipient'")
    assert post(asked, CONNECTOR_SECRET).status_code == 202
    app.drain()
    (item,) = app.delivered(caller="connector").items
    assert opened(item, theirs.der, device_key("intune")) == PASSWORD


def test_a_message_may_be_put_on_the_queue_by_a_program(app: PFXApplication) -> None:
    app.enrol()
    keep(app)
    pfx.deliver_pfx(queue_message(order(caller="mdm")))
    assert app.entry().state is RequestState.DELIVERED
    pfx.deliver_pfx(queue_message(order(caller="mdm")))
    assert kept(app) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"version": 2}, "version"),
        ({"id": "a b"}, "id"),
        ({"id": ""}, "id"),
        ({"user": "ann"}, "user"),
        ({"device": ""}, "device"),
        ({"device": "a/b"}, "device"),
        ({"purposes": []}, "purposes"),
        ({"purposes": ["vpn"]}, "purposes"),
        ({"more": 1}, "more"),
        ({"caller": "mdm"}, "caller"),
        ({"recipient": {}}, "give one of certificate and key"),
        ({"recipient": {"certificate": "****"}}, "not base64"),
        ({"recipient": {"certificate": "AAAA", "key": "AAAA"}}, "give one of"),
        ({"recipient": certificate(b"no certificate at all")}, "certificate cannot be read"),
        ({"parcel": {}}, "keyName"),
    ],
)
def test_a_wrong_body_is_refused_with_its_fields(app: PFXApplication, changes: Any, told: str) -> None:
    answer = post(order(**changes))
    assert answer.status_code == 400
    assert told in text(answer)
    assert sent(app) == []


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"pfx": None}, "give one of pfxBlob and pfx"),
        ({"pfxBlob": "brought/mdm/a.pfx"}, "give one of pfxBlob and pfx"),
        ({"pfx": None, "pfxBlob": "stored/a.pfx"}, "pfxBlob"),
        ({"pfx": None, "pfxBlob": "brought/../stored/a"}, "pfxBlob"),
        ({"pfx": None, "pfxBlob": "brought/a.pfx"}, "pfxBlob"),
        ({"encryptedPfxPassword": "****"}, "not base64"),
        ({"paddingScheme": "oaepSha512"}, "PaddingScheme OaepSha256"),
        ({"thumbprint": "12"}, "thumbprint"),
        ({"intendedPurpose": "wifi"}, "intendedPurpose"),
        ({"pfx": b64encode(b"junk").decode()}, "not a PFX"),
        ({"pfx": b64encode(holder().pfx()[:-9]).decode()}, "cut off"),
    ],
)
def test_a_wrong_parcel_is_refused_while_the_caller_listens(
    app: PFXApplication, changes: Any, told: str
) -> None:
    answer = post(order(parcel=brought(app, **changes)))
    assert answer.status_code == 400
    assert told in text(answer)
    assert sent(app) == []
    assert app.private.blobs == {}


def test_five_megabytes_are_refused(app: PFXApplication) -> None:
    huge = b64encode(bytes(5 * 2**20)).decode()
    answer = post(order(parcel=brought(app, pfx=huge)))
    assert answer.status_code == 400
    assert "bytes, and 262,144 are taken at most" in text(answer)
    a_little = b64encode(bytes(256 * 1024 + 1)).decode()
    answer = post(order(parcel=brought(app, pfx=a_little)))
    assert "262,145 bytes, and 262,144 are taken at most" in text(answer)
    assert app.private.blobs == {}


def test_purposes_are_for_what_is_stored(app: PFXApplication) -> None:
    assert post(order(purposes=["smimeSigning"])).status_code == 202
    answer = post(order(id="2", purposes=["smimeSigning"], parcel=brought(app)))
    assert "this request brings its own" in text(answer)


@pytest.mark.parametrize("secret", ["", "wrong-secret-somebody-mistyped", "caller-secret-of-the-tests"])
def test_who_is_not_a_caller_with_pfx_is_refused(app: PFXApplication, secret: str) -> None:
    """The last one is a caller's that orders challenges, and finds no request of its own either."""
    for answer, status in (
        (post(order(), secret), 403),
        (show(secret=secret), 404 if "caller" in secret else 403),
    ):
        assert answer.status_code == status
        assert secret not in text(answer) or not secret


def test_a_caller_has_its_rate_and_asking_how_it_goes_is_free(app: PFXApplication) -> None:
    for number in range(3):
        answer = post(order(id=f"r{number}", parcel=brought(app)), CONNECTOR_SECRET)
        assert answer.status_code == 202
    refused = post(order(id="r3", parcel=brought(app)), CONNECTOR_SECRET)
    assert refused.status_code == 429
    assert int(refused.headers["Retry-After"]) > 0
    assert post(order()).status_code == 202
    assert body(show("r0", CONNECTOR_SECRET))["state"] == "begun"


def test_callers_see_their_own_requests_only(app: PFXApplication) -> None:
    app.enrol()
    keep(app)
    post(order())
    app.drain()
    assert show().status_code == 200
    assert show(secret=CONNECTOR_SECRET).status_code == 404
    assert show("another").status_code == 404


def test_secrets_come_over_tls_in_azure() -> None:
    app = PFXApplication(AZURE)
    wiring.use(app)
    assert post(order()).status_code == 403
    assert post(order(), **{"x-forwarded-proto": "https"}).status_code == 202
    wiring.use(None)


def test_a_chunked_body_is_asked_for_its_length(app: PFXApplication) -> None:
    assert post(b"", **{"transfer-encoding": "chunked"}).status_code == 411


def test_an_id_means_one_request(app: PFXApplication) -> None:
    app.enrol()
    keep(app)
    post(order())
    app.drain()
    answer = post(order(device="dev2"))
    assert answer.status_code == 400
    assert "made before, and it asked for something else" in text(answer)
    pfx.deliver_pfx(queue_message(order(device="dev2", caller="mdm")))
    (found,) = kept(app)
    assert "made before, and otherwise" in found["reason"]
    assert app.entry().device == "dev1"


@pytest.mark.parametrize(
    ("changes", "told", "recorded"),
    [
        ({"caller": "nobody"}, "no caller 'nobody'", True),
        ({"caller": "tests"}, "does not list 'stored'", True),
        ({"device": "unknown"}, "no certificate of ours", True),
        ({"caller": None}, "caller", False),
        ({"version": None}, "version", False),
    ],
)
def test_a_message_that_cannot_be_served_is_kept_with_its_reason(
    app: PFXApplication, changes: Any, told: str, recorded: bool
) -> None:
    keep(app)
    content = {name: value for name, value in {**order(caller="mdm"), **changes}.items() if value is not None}
    pfx.deliver_pfx(queue_message(content))
    (found,) = kept(app)
    assert told in found["reason"]
    entry = app.log.find(content.get("caller", "mdm"), "request-1")
    assert (entry is not None) is recorded
    assert entry is None or entry.state is RequestState.FAILED


def test_a_message_that_brings_the_file_itself_is_kept(app: PFXApplication) -> None:
    pfx.deliver_pfx(queue_message(order(caller="mdm", parcel=brought(app))))
    assert "has to be a blob" in kept(app)[0]["reason"]


@pytest.mark.parametrize(
    ("der", "told"),
    [
        (tiny_certificate(), "an RSA key of 512 bits; it takes 2048"),
        (device_certificate(device_key("old"), begins=NOW - 30 * DAY, life=9).der, "expired on"),
    ],
    ids=["512 bits", "expired"],
)
def test_a_recipient_that_cannot_be_sealed_to_is_told(app: PFXApplication, der: bytes, told: str) -> None:
    post(order(parcel=brought(app), recipient=certificate(der)), CONNECTOR_SECRET)
    app.drain()
    assert told in kept(app)[0]["reason"]
    assert told in body(show(secret=CONNECTOR_SECRET))["failure"]


def test_a_password_for_another_key_is_told(app: PFXApplication) -> None:
    app.enrol()
    foreign = b64encode(bytes(256)).decode()
    post(order(parcel=brought(app, encryptedPfxPassword=foreign)))
    app.drain()
    assert "sealed to another key" in body(show())["failure"]
    post(order(id="2", parcel=brought(app, keyName="theirs")))
    app.drain()
    assert "'theirs' is not one of ours" in body(show("2"))["failure"]


def test_a_vault_that_is_away_puts_the_request_back(app: PFXApplication) -> None:
    app.enrol()
    keep(app)
    post(order())
    app.vault.away = {"v1"}
    delays = []
    for _ in range(5):
        app.drain()
        delays.append(app.queues[QUEUE].sent[0][1])
    assert delays == [10, 20, 40, 80, 160]
    assert body(show())["state"] == "begun"
    app.vault.away = set()
    app.drain()
    assert app.entry().state is RequestState.DELIVERED
    assert kept(app) == []


def test_storage_that_is_away_is_told_to_come_again(
    app: PFXApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    monkeypatch.setattr(app.log, "begin", away)
    answer = post(order())
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")


def test_a_user_without_parcels_is_no_alarm(app: PFXApplication) -> None:
    app.enrol()
    post(order())
    app.drain()
    assert body(show())["failure"] == "No such certificate is imported for that user."
    assert kept(app) == []


def test_what_failed_is_served_when_it_is_driven_back(app: PFXApplication) -> None:
    app.enrol()
    pfx.deliver_pfx(queue_message(order(caller="mdm", device="dev2")))
    keep(app)
    assert body(show())["state"] == "failed"
    app.enrol("dev2")
    app.poison[QUEUE].drive_back(32)
    app.drain()
    assert body(show())["state"] == "delivered"


def test_old_requests_are_forgotten_with_what_they_brought_and_got(app: PFXApplication) -> None:
    app.enrol()
    keep(app)
    post(order(parcel=brought(app)))
    app.drain()
    names = set(app.private.blobs)
    app.now += 89 * DAY
    pfx.purge_pfx_requests(None)
    assert set(app.private.blobs) == names
    app.now += 2 * DAY
    pfx.purge_pfx_requests(None)
    assert {name for name in names if name.startswith("stored/")} == set(app.private.blobs)
    assert show().status_code == 404


SHAPES = st.fixed_dictionaries(
    {},
    optional={
        name: st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=3))
        for name in ("version", "id", "user", "device", "purposes", "parcel", "recipient", "x")
    },
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.binary(max_size=60) | SHAPES.map(lambda changes: json.dumps(order(**changes)).encode()))
def test_no_body_is_answered_with_500(app: PFXApplication, data: bytes) -> None:
    answer = post(data)
    assert answer.status_code in (202, 400), answer.get_body()
    pfx.deliver_pfx(queue_message(data))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(st.binary(max_size=400))
def test_no_recipient_is_answered_with_500(app: PFXApplication, der: bytes) -> None:
    asked = order(parcel=brought(app, holder("fuzz")), recipient=certificate(der or b"x"))
    assert post(asked, MDM_SECRET).status_code in (202, 400)
    app.drain()
