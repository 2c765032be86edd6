"""Change notifications: the handshake, who is believed, what is read again, and subscriptions that never end."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import azure.functions as func
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fakes.microsoft import FakeIntune
from fakes.microsoft import Status as Answer
from functions import intune, notifications
from shared import wiring
from shared.intune.directory import notices
from shared.intune.directory.subscriptions import LIFE
from shared.record.health import Level
from shared.store.directory import Subscription
from shared.store.ports import Status
from tests.functions.application import call, queue_message, request, text
from tests.intune.directory.tenant import Tenant, guid

HOST = "func-scepter.azurewebsites.net"
URL = f"https://{HOST}/events/graph"
GROUP = guid(1, "g")


def deliver(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
    """How the fake's deliveries reach the trigger."""
    answer = post(f"{urlsplit(url).path}?{urlsplit(url).query}".rstrip("?"), body, headers)
    return answer.status_code, answer.mimetype, answer.get_body()


def post(path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> func.HttpResponse:
    return call(notifications.graph_notifications, request("POST", path, body=body, headers=headers))


def keep() -> None:
    """What the timer does."""
    intune.keep_subscriptions._function.get_user_function()(None)


@pytest.fixture
def told(fake: FakeIntune) -> Iterator[Tenant]:
    """A tenant that tells of changes of its users and of one group."""
    tenant = Tenant.make(fake, NOTIFICATION_URL=URL, WATCHED_GROUPS=GROUP)
    fake.subscriptions.deliver = deliver
    fake.subscriptions.now = lambda: tenant.app.now
    wiring.use(tenant.app)
    for number in range(4):
        tenant.user(number)
    fake.directory.groups.put(GROUP, displayName="Certificates")
    keep()
    yield tenant
    wiring.use(None)
    tenant.app.close()


def changed(number: int, **more: Any) -> dict[str, Any]:
    key = guid(number, "f")
    return {
        "resource": f"Users/{key}",
        "changeType": "updated",
        "resourceData": {"@odata.type": "#Microsoft.Graph.User", "id": key, "@odata.etag": "x"},
        **more,
    }


def queued(tenant: Tenant) -> list[dict[str, Any]]:
    return [dict(message) for message, _ in tenant.app.queues["graph-changes"].sent]


def handle(tenant: Tenant) -> list[dict[str, Any]]:
    """What the queue does with hints; the events that it told."""
    sent = tenant.app.queues["device-events"].sent
    before = len(sent)
    for message in queued(tenant):
        notifications.handle_graph_change._function.get_user_function()(queue_message(message))
    tenant.app.queues["graph-changes"].sent.clear()
    return [dict(message) for message, _ in list(sent)[before:]]


# The handshake.


def test_subscriptions_are_made_and_their_handshakes_answered(told: Tenant) -> None:
    made = list(told.fake.subscriptions.made.values())
    assert [each["resource"] for each in made] == ["users", f"groups/{GROUP}"]
    assert {status for status, _, _ in told.fake.subscriptions.handshakes} == {200}
    for each in made:
        stored = told.app.subscriptions.find(each["id"])
        assert stored is not None
        assert each["clientState"] not in repr(stored), "only a digest is kept"
        assert len(each["clientState"]) >= 32
        assert each["notificationUrl"] == each["lifecycleNotificationUrl"] == URL
    assert told.finding("notifications default").level is Level.OK


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ("plain", "plain"),
        ("Validation%3a+Testing+x", "Validation: Testing x"),
        ("a%2Bb%26c", "a+b&amp;c"),
        ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "&lt;script&gt;alert(1)&lt;/script&gt;"),
        ("%C3%A9", "é"),
    ],
)
def test_a_token_goes_back_decoded_as_plain_text(told: Tenant, query: str, body: str) -> None:
    answer = post(f"/events/graph?validationToken={query}")
    assert (answer.status_code, answer.mimetype, text(answer)) == (200, "text/plain", body)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert queued(told) == []


@pytest.mark.parametrize("token", ["x" * 4097, "a%0D%0Ab", "a%00b"])
def test_a_token_that_is_none(told: Tenant, token: str) -> None:
    assert post(f"/events/graph?validationToken={token}").status_code == 400


def test_nobody_is_answered_where_nothing_is_to_be_told(tenant: Tenant) -> None:
    assert post("/events/graph?validationToken=x").status_code == 404
    assert post("/events/graph", b'{"value": []}').status_code == 404
    assert tenant.app.queues["graph-changes"].sent == []


def test_in_azure_secrets_come_over_https_only(fake: FakeIntune) -> None:
    from tests.functions.application import AZURE, MemoryApplication
    from tests.intune.scene import settings_of

    values = {**AZURE, **settings_of(fake, NOTIFICATION_URL=URL)}
    values = {name: value for name, value in values.items() if name != "SCEPTER_MANAGEMENT_KEY"}
    wiring.use(MemoryApplication(values))
    assert post("/events/graph", b'{"value": []}').status_code == 403
    assert post("/events/graph", b'{"value": []}', {"x-forwarded-proto": "https"}).status_code == 202
    wiring.use(None)


# Who is believed.


def test_a_change_is_queued_and_read_again(told: Tenant) -> None:
    record = told.certificate(user="user2@example.org")
    told.fake.directory.users.put(guid(2, "f"), accountEnabled=False)
    assert told.fake.subscriptions.notify(changed(2)) == 202
    (message,) = queued(told)
    assert (message["integration"], message["users"]) == ("default", [guid(2, "f")])
    (event,) = events = handle(told)
    assert (event["type"], event["source"]) == ("disabled", "directory")
    assert event["user"]["userPrincipalName"] == "user2@example.org"
    told.handle(events)
    assert told.status(record) is Status.HELD
    told.app.now += timedelta(minutes=1)
    told.fake.directory.users.put(guid(2, "f"), accountEnabled=True)
    told.fake.subscriptions.notify(changed(2))
    told.handle(handle(told))
    assert told.status(record) is Status.GOOD


def test_what_a_notification_says_is_only_a_hint(told: Tenant) -> None:
    told.fake.subscriptions.notify(changed(2, changeType="deleted"))
    assert handle(told) == [], "the user is there and well"


def test_a_deleted_user_nobody_knew_is_named_by_the_recycle_bin(told: Tenant) -> None:
    record = told.certificate(user="user2@example.org")
    told.fake.directory.users.remove(guid(2, "f"))
    told.fake.subscriptions.notify(changed(2, changeType="deleted"))
    (event,) = events = handle(told)
    assert (event["type"], event["user"]["userPrincipalName"]) == ("userRemoved", "user2@example.org")
    told.handle(events)
    assert told.status(record) is Status.HELD


def test_the_timer_and_the_notification_tell_one_event(told: Tenant) -> None:
    told.look()
    told.fake.directory.users.put(guid(2, "f"), accountEnabled=False)
    told.fake.subscriptions.notify(changed(2))
    assert len(handle(told)) == 1
    assert told.look() == []
    told.fake.directory.users.put(guid(2, "f"), accountEnabled=True)
    assert [each["type"] for each in told.look()] == ["enabled"]
    told.fake.subscriptions.notify(changed(2))
    assert handle(told) == []


def test_a_delivery_again_is_read_again_and_told_once(told: Tenant) -> None:
    told.fake.directory.users.put(guid(2, "f"), accountEnabled=False)
    for _ in range(3):
        told.fake.subscriptions.notify(changed(2), changed(2))
    assert len(queued(told)) == 3
    assert len(handle(told)) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"clientState": "guessed"},
        {"clientState": None},
        {"clientState": ""},
        {"subscriptionId": "11111111-2222-4333-8444-555555555555"},
        {"tenantId": "11111111-2222-4333-8444-555555555555"},
        {"resourceData": {"id": "../../groups"}, "resource": "Users/x"},
    ],
)
def test_what_nothing_explains_is_dropped_in_silence(told: Tenant, wrong: dict[str, Any]) -> None:
    if wrong.get("clientState", "") is None:
        item = {"subscriptionId": next(iter(told.fake.subscriptions.made)), **changed(2)}
        assert post("/events/graph", json.dumps({"value": [item]}).encode()).status_code == 202
    else:
        assert told.fake.subscriptions.notify(changed(2), **wrong) == 202
    assert queued(told) == []


def test_one_wrong_item_does_not_spoil_a_batch(told: Tenant) -> None:
    sent: list[bytes] = []

    def keep_it(_url: str, _headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
        sent.append(body)
        return 202, "", b""

    told.fake.subscriptions.deliver = keep_it
    told.fake.subscriptions.notify(changed(1), changed(2), changed(3))
    document = json.loads(sent[0])
    document["value"][1]["clientState"] = "guessed"
    assert post("/events/graph", json.dumps(document).encode()).status_code == 202
    assert queued(told)[0]["users"] == [guid(1, "f"), guid(3, "f")]


def test_several_tenants_in_one_delivery(fake: FakeIntune) -> None:
    other = {
        name.replace("DEFAULT", "BRANCH"): value
        for name, value in {**fake.settings, "SCEPTER_INTUNE__DEFAULT__NOTIFICATION_URL": URL}.items()
    }
    tenant = Tenant.make(fake, NOTIFICATION_URL=URL)
    tenant = Tenant(type(tenant.app)({**tenant.app.environment, **other}), fake)
    fake.subscriptions.deliver, fake.subscriptions.now = deliver, lambda: tenant.app.now
    wiring.use(tenant.app)
    keep()
    assert {each.integration for each in tenant.app.subscriptions.all()} == {"default", "branch"}
    assert fake.subscriptions.notify(changed(1), changed(2)) == 202
    wiring.use(None)
    tenant.app.close()
    assert {each["integration"]: each["users"] for each in queued(tenant)} == {
        "default": [guid(1, "f"), guid(2, "f")],
        "branch": [guid(1, "f"), guid(2, "f")],
    }


def test_many_changes_are_several_messages(told: Tenant) -> None:
    assert told.fake.subscriptions.notify(*(changed(number) for number in range(120))) == 202
    assert [len(each["users"]) for each in queued(told)] == [50, 50, 20]


def test_strangers_cost_no_storage(told: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[int] = []
    everything = told.app.subscriptions.all

    def counted() -> Iterator[Subscription]:
        reads.append(1)
        return everything()

    monkeypatch.setattr(told.app.subscriptions, "all", counted)
    told.app._known_subscriptions._read_at = float("-inf")
    for _ in range(20):
        item = {"subscriptionId": secrets.token_hex(8), "clientState": "x", **changed(1)}
        assert post("/events/graph", json.dumps({"value": [item] * 50}).encode()).status_code == 202
    assert len(reads) <= 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"value": 1}',
        b'{"value": [1]}',
        b"\xff",
        b"[" * 9999,
        b"x" * (notices.LARGEST + 1),
    ],
)
def test_what_is_no_delivery(told: Tenant, body: bytes) -> None:
    assert post("/events/graph", body).status_code == 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
ITEM = st.dictionaries(
    st.sampled_from(
        ["subscriptionId", "clientState", "tenantId", "resource", "resourceData", "lifecycleEvent", "id"]
    ),
    JSON | st.just({"id": GROUP, "members@delta": [{"id": GROUP, "@removed": "deleted"}]}),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.dictionaries(st.sampled_from(["value", "validationTokens"]), st.lists(ITEM, max_size=4) | JSON))
def test_no_delivery_is_ever_a_500(told: Tenant, document: Any) -> None:
    answer = post("/events/graph", json.dumps(document).encode("utf-8", "surrogatepass"))
    assert answer.status_code in (202, 400)
    assert queued(told) == []


# Groups.


def left(*members: str, group: str = GROUP) -> dict[str, Any]:
    gone = [{"id": member, "@removed": "deleted"} for member in members]
    return {
        "resource": f"Groups/{group}",
        "changeType": "updated",
        "resourceData": {"@odata.type": "#Microsoft.Graph.Group", "id": group, "members@delta": gone},
    }


def test_who_has_left_a_watched_group_is_unassigned(told: Tenant) -> None:
    told.device(7)
    told.fake.directory.members[GROUP] = {guid(3, "f")}
    record = told.certificate(device=guid(7))
    told.fake.subscriptions.notify(left(guid(2, "f"), guid(3, "f"), guid(7, "a"), guid(99, "f")))
    found = handle(told)
    assert [(each["type"], each["source"]) for each in found] == [("unassigned", "graph")] * 2
    assert found[0]["user"] == {"id": guid(2, "f"), "userPrincipalName": "user2@example.org"}
    assert found[1]["device"] == {"entraObjectId": guid(7, "a"), "entraDeviceId": guid(7)}
    told.handle(found)
    assert told.status(record) is Status.HELD


def test_a_group_that_is_not_watched_any_more_is_nobody_s_business(told: Tenant) -> None:
    message = {
        "version": 1,
        "integration": "default",
        "left": [[guid(5, "g"), guid(2, "f")]],
        "receivedAt": told.app.now.isoformat(),
    }
    notifications.handle_graph_change._function.get_user_function()(queue_message(message))
    notifications.handle_graph_change._function.get_user_function()(
        queue_message({**message, "integration": "gone"})
    )
    assert told.app.queues["device-events"].sent == []


# Away.


@pytest.mark.parametrize("act", ["users", "directoryObjects/checkMemberGroups"])
def test_graph_away_queues_the_hint_again(told: Tenant, act: str) -> None:
    told.fake.directory.users.remove(guid(2, "f"))
    told.fake.directory.members[GROUP] = set()
    told.fake.subscriptions.notify(changed(2), left(guid(3, "f")))
    told.fake.always(Answer(503), act)
    messages = queued(told)
    told.app.queues["graph-changes"].sent.clear()
    for message in messages:
        notifications.handle_graph_change._function.get_user_function()(queue_message(message))
    (again,) = told.app.queues["graph-changes"].sent
    assert again[0]["attempt"] == 1
    told.fake.always(None, act)
    told.app.now += timedelta(minutes=1)
    assert {each["type"] for each in handle(told)} | {
        message["type"] for message, _ in told.app.queues["device-events"].sent
    } == {"userRemoved", "unassigned"}
    ids = [message["id"] for message, _ in told.app.queues["device-events"].sent]
    assert len(ids) == len(set(ids)), "told once"


# Subscriptions.


def test_nothing_is_renewed_before_its_time(told: Tenant) -> None:
    calls = len(told.fake.calls)
    told.app.now += timedelta(days=13)
    keep()
    assert told.fake.acts()[calls:] == []


def test_they_are_renewed_in_their_second_half(told: Tenant) -> None:
    told.app.now += timedelta(days=15)
    keep()
    assert told.fake.acts("subscriptions renew") == ["subscriptions renew"] * 2
    assert {each.expires_at for each in told.app.subscriptions.all()} == {told.app.now + LIFE}
    keep()
    assert len(told.fake.acts("subscriptions renew")) == 2


def test_one_that_is_gone_is_made_again(told: Tenant) -> None:
    (gone, *_) = told.fake.subscriptions.made
    del told.fake.subscriptions.made[gone]
    told.app.now += timedelta(days=15)
    keep()
    assert sorted(each.id for each in told.app.subscriptions.all()) == sorted(told.fake.subscriptions.made)
    assert len(told.fake.subscriptions.made) == 2


@pytest.mark.parametrize("event", ["reauthorizationRequired", "subscriptionRemoved", "missed"])
def test_lifecycle_notifications_have_them_looked_after_at_once(told: Tenant, event: str) -> None:
    (first, *_) = told.fake.subscriptions.made
    assert told.fake.subscriptions.lifecycle(first, event) == 202
    if event == "subscriptionRemoved":
        del told.fake.subscriptions.made[first]
    (message,) = queued(told)
    assert message["renew"] is True
    told.app.now += timedelta(days=1)
    handle(told)
    assert len(told.fake.subscriptions.made) == 2
    assert {each.expires_at for each in told.app.subscriptions.all()} == {told.app.now + LIFE}


def test_what_a_dead_worker_made_is_cleared_away(told: Tenant) -> None:
    for each in list(told.app.subscriptions.all()):
        told.app.subscriptions.remove(each)
    keep()
    assert sorted(each.id for each in told.app.subscriptions.all()) == sorted(told.fake.subscriptions.made)


def test_what_is_not_wanted_any_more_goes(told: Tenant) -> None:
    kept = told.app.subscriptions
    other = Tenant.make(told.fake, NOTIFICATION_URL=URL.replace("func-scepter", "func-other"))
    vars(other.app)["subscriptions"], other.app.now = kept, told.app.now
    wiring.use(other.app)
    keep()
    assert [(each.resource, each.url) for each in kept.all()] == [
        ("users", URL.replace("func-scepter", "func-other"))
    ]
    none = Tenant.make(told.fake)
    vars(none.app)["subscriptions"] = kept
    wiring.use(none.app)
    keep()
    assert list(kept.all()) == []
    assert told.fake.subscriptions.made == {}
    for each in (other, none):
        each.app.close()


@pytest.mark.parametrize(
    ("role", "resource"), [("User.Read.All", "users"), ("Group.Read.All", f"groups/{GROUP}")]
)
def test_a_missing_permission_is_named(fake: FakeIntune, role: str, resource: str) -> None:
    tenant = Tenant.make(fake, NOTIFICATION_URL=URL, WATCHED_GROUPS=GROUP)
    fake.subscriptions.deliver, fake.subscriptions.now = deliver, lambda: tenant.app.now
    fake.entra.roles.discard(role)
    wiring.use(tenant.app)
    keep()
    finding = tenant.finding("notifications default")
    wiring.use(None)
    tenant.app.close()
    assert role in finding.text
    assert finding.level is Level.CRITICAL
    assert resource not in {each.resource for each in tenant.app.subscriptions.all()}


def test_a_handshake_that_fails_is_told(told: Tenant) -> None:
    for each in list(told.app.subscriptions.all()):
        told.app.subscriptions.remove(each)
    told.fake.subscriptions.deliver = lambda *_: (500, "", b"")
    keep()
    assert "POST subscriptions (400" in told.finding("notifications default").text
