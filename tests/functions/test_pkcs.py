"""`POST /pkcs/requests`, its queue, its state, and the calls that tell how it ended."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import azure.functions as func
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions import callbacks, deliveries, orders, pkcs, scep
from shared import wiring
from shared.ca.authority import CertificateAuthority, Order
from shared.errors import DependencyError, StoreUnavailable
from shared.keys.ports import public_key_info
from shared.pfx.attempts import Attempts
from shared.wiring.stores import CALLBACK_QUEUE, PKCS_QUEUE
from shared.x509.certificate import CertificateTemplate
from shared.x509.extensions import basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from tests.functions.application import (
    AZURE,
    LOCAL,
    MANAGEMENT_KEY,
    MemoryApplication,
    body,
    call,
    queue_message,
    request,
    text,
)
from tests.pfx.world import POLICY, Opened, device_key, made_key, mail
from tests.scep.authority import CALLER_SECRET, DAY, NOW

BEARER = {"Authorization": f"Bearer {CALLER_SECRET}"}
RESULTS = {"SCEPTER_RESULT_QUEUES": "results", "SCEPTER_CALLBACK_HOSTS": "hooks.example.org"}
SECRETS = {
    "SCEPTER_CALLER_SECRETS__MDM": CALLER_SECRET,
    "SCEPTER_CALLER_SECRETS__NARROW": "narrow-secret-of-the-tests",
}


class PKCSApplication(MemoryApplication):
    """With callers and profiles of keys that are made here, and a device that can be sealed to."""

    def __init__(self, environment: dict[str, str], **changes: str) -> None:
        static = {"SCEPTER_STATIC_CHALLENGES__SHARED": "", "SCEPTER_CALLER_SECRETS__TESTS": ""}
        super().__init__(environment, **{**SECRETS, **static, **RESULTS, **changes})
        self.policy = POLICY
        spki = public_key_info(device_key())
        usages = ("digitalSignature", "keyEncipherment")
        extensions = (basic_constraints(False), key_usage(usages), subject_key_identifier(spki))
        template = CertificateTemplate(
            Name.build([("CN", "dev1")]), spki, NOW - DAY, NOW + 90 * DAY, extensions
        )
        authority = CertificateAuthority(self.issuer, self.store)
        authority.issue(template, Order("enrolment", "device", "sealed:mdm", device="dev1"), now=NOW)

    @cached_property
    def attempts(self) -> Attempts:
        """Keys are handed out instead of being made, which is slow."""
        return replace(super().attempts, make_key=lambda kind: made_key(kind, 0))


@pytest.fixture
def app() -> Iterator[PKCSApplication]:
    application = PKCSApplication(dict(LOCAL), SCEPTER_CALLBACK_SECRETS__MDM="callback-secret-of-the-tests")
    wiring.use(application)
    yield application
    wiring.use(None)


def order(content: Any = None, headers: dict[str, str] | None = None, **changes: Any) -> func.HttpResponse:
    data = content if isinstance(content, bytes) else json.dumps(content or mail(**changes)).encode()
    sent = request("POST", "/pkcs/requests", headers=BEARER if headers is None else headers, body=data)
    return call(pkcs.order_key, sent)


def show(identifier: str = "order-1", headers: dict[str, str] | None = None) -> func.HttpResponse:
    path = f"/pkcs/requests/{identifier}"
    return call(
        pkcs.show_key_order, request("GET", path, headers=headers or BEARER, route={"id": identifier})
    )


def run(app: MemoryApplication) -> None:
    """Everything that waits on the queue, once."""
    waiting, app.queues[PKCS_QUEUE].sent = app.queues[PKCS_QUEUE].sent, []
    for content, _ in waiting:
        pkcs.serve_key_order(queue_message(content))


def delivery(told: Any, method: str = "GET", key: str | None = None) -> func.HttpResponse:
    identifier = told["delivery"].rpartition("/")[2]
    headers = {
        "Authorization": f"Bearer {told['key'] if key is None else key}",
        "X-Forwarded-For": "198.51.100.7",
    }
    triggers = {"GET": deliveries.fetch_delivery, "DELETE": deliveries.delete_delivery}
    trigger: Any = triggers.get(method, deliveries.acknowledge_delivery)
    return call(trigger, request(method, told["delivery"], headers=headers, route={"id": identifier}))


def test_an_order_is_accepted_served_and_fetched(app: PKCSApplication) -> None:
    response = order()
    told = body(response)
    assert response.status_code == 202
    assert told["state"] == "accepted"
    assert told["status"] == "/pkcs/requests/order-1"
    assert delivery(told).status_code == 404
    run(app)
    state = body(show())
    assert (state["state"], state["delivery"]) == ("delivered", told["delivery"])
    fetched = delivery(told)
    assert (fetched.status_code, fetched.headers["Cache-Control"]) == (200, "no-store")
    opened = Opened.of(body(fetched), device_key())
    assert opened.certificate.serial_hex == state["serial"]
    assert delivery(state).get_body() == fetched.get_body()
    assert delivery(told, "DELETE").status_code == delivery(told, "POST").status_code == 200
    assert delivery(told).status_code == 404


def test_what_is_queued_names_its_caller_and_holds_no_secret(app: PKCSApplication) -> None:
    order()
    ((message, delay),) = app.queues[PKCS_QUEUE].sent
    assert delay == 0
    assert (message["caller"], message["receivedAt"], message["requestedAt"]) == (
        "mdm",
        NOW.isoformat(),
        NOW.isoformat(),
    )
    assert {name: message[name] for name in mail()} == mail()
    assert CALLER_SECRET not in json.dumps(message)
    assert "key" not in message


def test_the_same_order_again(app: PKCSApplication) -> None:
    assert [order().status_code for _ in range(2)] == [202, 202]
    run(app)
    again = order()
    assert (again.status_code, body(again)["state"]) == (200, "delivered")
    assert app.queues[PKCS_QUEUE].sent == []
    assert delivery(body(again)).status_code == 200
    assert len([record for record in app.store.records(app.issuer.id) if record.profile == "mail"]) == 1


def test_the_same_id_for_something_else_is_a_conflict(app: PKCSApplication) -> None:
    order()
    other = order(validityDays=7)
    assert (other.status_code, text(other)) == (409, "This id was used before, for something else.\n")
    assert len(app.queues[PKCS_QUEUE].sent) == 1
    pkcs.serve_key_order(queue_message({**mail(validityDays=7), "caller": "mdm"}))
    (kept,) = app.queues[f"{PKCS_QUEUE}-poison"].sent
    assert "was another one before" in kept[0]["reason"]


@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong-secret-of-somebody", f"Basic {CALLER_SECRET}"]
)
def test_who_is_not_known_gets_nothing(app: PKCSApplication, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    for response in (order(headers=headers), show(headers=headers or {"x": "y"})):
        assert (response.status_code, text(response)) == (403, "The caller is not known.\n")
    assert app.queues[PKCS_QUEUE].sent == []


def test_callers_see_their_own_orders_only(app: PKCSApplication) -> None:
    order()
    other = {"Authorization": f"Bearer {SECRETS['SCEPTER_CALLER_SECRETS__NARROW']}"}
    assert show(headers=other).status_code == 404
    assert show("nothing").status_code == 404


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"", 400, "The order"),
        (b"{", 400, "The order"),
        (b" " * 40_000, 400, "too large"),
        (mail(colour="red"), 400, "colour"),
        (mail(caller="narrow"), 400, "caller is not who holds the secret"),
        (mail(requestedAt="2099-01-01T00:00:00Z"), 400, "future"),
        (mail(profile="nobody"), 403, "profile"),
        (mail(profile="scep"), 403, "SCEP"),
        (mail(user={"userPrincipalName": "a@example.org"}), 403, "user.emailAddress is missing"),
        (mail(sealing=["cms"], result={"queue": "elsewhere"}), 403, "result.queue"),
        (mail(result={"callback": "https://127.0.0.1/"}), 403, "an address that is not public"),
        (mail(result={"callback": "https://hooks.example.com/"}), 403, "SCEPTER_CALLBACK_HOSTS"),
    ],
)
def test_a_wrong_order_is_told_at_once_which_part_is_wrong(
    app: PKCSApplication, content: Any, status: int, says: str
) -> None:
    response = order(content)
    assert response.status_code == status
    assert says in text(response)
    assert app.queues[PKCS_QUEUE].sent == []


def test_a_chunked_body_is_asked_for_with_its_length(app: PKCSApplication) -> None:
    sent = request("POST", "/pkcs/requests", headers=BEARER | {"transfer-encoding": "chunked"})
    assert call(pkcs.order_key, sent).status_code == 411


def hurry(app: PKCSApplication, rate: str = "2/minute") -> None:
    """Let the callers order as often as `rate` says, counted from now."""
    app.policy = POLICY.replace("100000/minute", rate)
    for part in ("profiles", "mint"):
        vars(app).pop(part, None)


def test_a_caller_that_hurries_is_told_when_to_come_again(app: PKCSApplication) -> None:
    hurry(app)
    assert [order(id=str(number)).status_code for number in range(3)] == [202, 202, 429]


def test_in_azure_a_secret_over_plain_http_is_not_even_looked_at() -> None:
    application = PKCSApplication(dict(AZURE))
    wiring.use(application)
    try:
        told = {"delivery": "/deliveries/x", "key": application.delivery_keys.seal("x")}
        answers = [order(), show(), delivery(told), delivery(told, "POST"), delivery(told, "DELETE")]
        assert {(each.status_code, text(each)) for each in answers} == {
            (403, "Use https for this address.\n")
        }
        assert order(headers=BEARER | {"X-Forwarded-Proto": "https"}).status_code == 202
    finally:
        wiring.use(None)


def test_a_program_may_order_on_the_queue_itself(app: PKCSApplication) -> None:
    pkcs.serve_key_order(queue_message({**mail(result={"queue": "results"}), "caller": "mdm"}))
    ((told, _),) = app.queues["results"].sent
    assert (told["state"], told["id"]) == ("delivered", "order-1")
    state = body(show())
    assert told["delivery"] == state["delivery"]
    assert "key" not in told
    assert delivery(state).status_code == 200


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"caller": None}, "has to name its caller"),
        ({"caller": "nobody"}, "no caller 'nobody'"),
        ({"version": 2}, "version"),
        ({"profile": "scep"}, "enrolled over SCEP"),
        ({"device": {"id": "dev9"}}, "the device has no certificate of ours"),
        ({"device": {"id": "dev9"}, "recipient": {"serial": "00"}}, "no certificate of this device"),
        ({"user": {"id": "a", "userName": "a"}}, "user.emailAddress is missing"),
    ],
)
def test_a_message_that_cannot_be_served_is_kept_with_its_reason(
    app: PKCSApplication, changes: dict[str, Any], says: str
) -> None:
    content = {
        name: value for name, value in {**mail(), "caller": "mdm", **changes}.items() if value is not None
    }
    pkcs.serve_key_order(queue_message(content))
    ((kept, _),) = app.queues[f"{PKCS_QUEUE}-poison"].sent
    assert says in kept["reason"]
    assert json.loads(kept["message"]) == content
    assert app.queues[PKCS_QUEUE].sent == []


def test_storage_that_is_away_puts_the_order_back(
    app: PKCSApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise StoreUnavailable("away")

    order()
    with monkeypatch.context() as patch:
        patch.setattr(app.store, "claim", away)
        run(app)
    ((again, delay),) = app.queues[PKCS_QUEUE].sent
    assert (delay, again["attempt"]) == (10, 1)
    assert datetime.fromisoformat(again["requestedAt"]) == NOW
    app.now += timedelta(seconds=10)
    run(app)
    assert body(show())["state"] == "delivered"


def test_a_caller_that_hurries_on_the_queue_waits(app: PKCSApplication) -> None:
    hurry(app)
    for number in range(4):
        pkcs.serve_key_order(queue_message({**mail(id=str(number)), "caller": "mdm"}))
    waiting = app.queues[PKCS_QUEUE].sent
    assert [(message["id"], delay) for message, delay in waiting] == [("2", 10), ("3", 10)]
    run(app)
    assert [delay for _, delay in app.queues[PKCS_QUEUE].sent] == [20, 20]
    assert [body(show(str(number)))["state"] for number in range(2)] == ["delivered"] * 2
    hurry(app, "100000/minute")
    run(app)
    assert {body(show(str(number)))["state"] for number in range(4)} == {"delivered"}


def test_the_age_of_an_order_is_that_of_its_message(app: PKCSApplication) -> None:
    """Device events reach what was ordered before them, however long it lay in the queue."""
    content = json.dumps({**mail(), "caller": "mdm"}).encode()
    app.now += timedelta(hours=2)

    class Lain(func.QueueMessage):
        @property
        def insertion_time(self) -> Any:
            return (NOW + timedelta(hours=1)).replace(tzinfo=None)

    pkcs.serve_key_order(Lain(id="1", body=content, pop_receipt="x"))
    (record,) = [record for record in app.store.records(app.issuer.id) if record.profile == "mail"]
    assert record.challenge_minted_at == NOW + timedelta(hours=1)


def test_a_wiped_device_loses_what_was_made_for_it(app: PKCSApplication) -> None:
    order()
    run(app)
    (record,) = [record for record in app.store.records(app.issuer.id) if record.profile == "mail"]
    for claim in app.store.owned_by("device:dev1"):
        app.revocations.revoke_claim(claim, "cessationOfOperation", by="event:generic")
    told = body(show())
    assert (delivery(told).status_code, text(delivery(told))) == (
        403,
        "The certificate of this delivery is revoked.\n",
    )
    assert record.serial == told["serial"]


def test_scep_has_no_such_profile(app: PKCSApplication) -> None:
    for operation in ("GetCACaps", "GetCACert", "PKIOperation"):
        sent = request("GET", f"/scep/mail?operation={operation}", route={"profile": "mail"})
        response = call(scep.scep, sent)
        assert (response.status_code, text(response)) == (
            404,
            "This profile is not for SCEP: its keys are made here, on an order.\n",
        )


def test_a_result_is_called_and_called_again_until_it_is_taken(
    app: PKCSApplication, monkeypatch: pytest.MonkeyPatch
) -> None:
    order(result={"callback": "https://hooks.example.org/done"})
    run(app)
    ((message, _),) = app.queues[CALLBACK_QUEUE].sent
    calls: list[tuple[Any, ...]] = []

    def busy(*arguments: Any, **named: Any) -> None:
        calls.append((*arguments, named["caller"]))
        raise DependencyError("callback: hooks.example.org answered 503")

    monkeypatch.setattr(type(app.callbacks), "send", busy)
    delays = []
    for _ in range(3):
        app.queues[CALLBACK_QUEUE].sent.clear()
        callbacks.tell_result(queue_message(message))
        ((message, delay),) = app.queues[CALLBACK_QUEUE].sent
        delays.append(delay)
    assert delays == [10, 20, 40]
    assert {(call[1], call[2], call[-1]) for call in calls} == {
        ("https://hooks.example.org/done", f"{body(show())['delivery'].rpartition('/')[2]}.delivered", "mdm")
    }


def test_a_call_to_where_it_may_not_go_is_kept_with_its_reason(app: PKCSApplication) -> None:
    content = {"version": 1, "id": "x", "caller": "mdm", "url": "https://10.0.0.1/", "body": {}}
    callbacks.tell_result(queue_message(content))
    ((kept, _),) = app.queues[f"{CALLBACK_QUEUE}-poison"].sent
    assert "an address that is not public" in kept["reason"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.binary(max_size=200)
    | st.dictionaries(st.sampled_from(list(mail())), st.text(max_size=10)).map(json.dumps).map(str.encode)
)
def test_no_bytes_are_a_fault(app: PKCSApplication, data: bytes) -> None:
    assert order(data or b"x").status_code in (400, 403)
    pkcs.serve_key_order(queue_message(data))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.text(max_size=60), st.text(max_size=60))
def test_no_id_and_no_key_are_a_fault(app: PKCSApplication, identifier: str, key: str) -> None:
    told = {"delivery": f"/deliveries/{identifier}", "key": key}
    assert {delivery(told, method).status_code for method in ("GET", "POST", "DELETE")} == {403}
    assert show(identifier).status_code == 404


def test_the_queues_that_are_read_are_the_queues_that_are_written() -> None:
    assert (pkcs.QUEUE, callbacks.QUEUE) == (PKCS_QUEUE, CALLBACK_QUEUE)


def test_administrators_see_what_became_of_orders_and_who_fetched_what(app: PKCSApplication) -> None:
    order()
    order(id="order-2", user={"userPrincipalName": "a@example.org"} | mail()["user"], device={"id": "dev9"})
    run(app)
    delivery(body(show()))
    key = {"x-scepter-key": MANAGEMENT_KEY}
    listed = body(call(orders.list_orders, request("GET", "/manage/orders", headers=key)))["orders"]
    assert [(each["id"], each["state"]) for each in listed] == [
        ("order-1", "delivered"),
        ("order-2", "failed"),
    ]
    failed = call(
        orders.list_orders, request("GET", "/manage/orders?state=failed&caller=mdm&limit=1", headers=key)
    )
    assert "no certificate of ours" in body(failed)["orders"][0]["note"]
    name = listed[0]["delivery"]
    sent = request("GET", f"/manage/deliveries/{name}", headers=key, route={"id": name})
    told = body(call(orders.show_delivery, sent))
    assert [(act["act"], act["source"]) for act in told["acts"]] == [("fetched", "198.51.100.7")]
    assert (told["delivery"]["serial"], told["delivery"]["over"]) == (listed[0]["serial"], False)
    nothing = request("GET", "/manage/deliveries/x", headers=key, route={"id": "x"})
    assert body(call(orders.show_delivery, nothing)) == {"delivery": None, "acts": []}
    for trigger in (orders.list_orders, orders.show_delivery):
        assert call(trigger, request("GET", "/manage/orders", route={"id": "x"})).status_code == 403


def test_the_timer_purges_what_is_over(app: PKCSApplication) -> None:
    order()
    run(app)
    assert delivery(body(show())).status_code == 200
    app.now += timedelta(days=7)
    deliveries.purge_deliveries(None)
    assert list(app.delivery_store.all()) == []
    assert show().status_code == 200
    app.now += timedelta(days=90)
    deliveries.purge_deliveries(None)
    assert show().status_code == 404
    assert app.purge_deliveries() == 0
