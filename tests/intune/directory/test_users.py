"""Users: disabled, enabled, deleted, restored; told once, by their names."""

from __future__ import annotations

import pytest

from shared.errors import Conflict
from shared.intune.directory.objects import EntraUser
from shared.intune.directory.users import Users
from shared.store.directory import Known
from shared.store.ports import Status
from tests.intune.directory.tenant import Tenant, guid


@pytest.fixture
def looked_at(tenant: Tenant) -> Tenant:
    """Five users, who were looked at once."""
    for number in range(5):
        tenant.user(number)
    assert tenant.look() == []
    return tenant


def test_a_user_is_disabled_and_enabled_again(looked_at: Tenant) -> None:
    record = looked_at.certificate(user="user2@example.org")
    looked_at.fake.directory.users.put(guid(2, "f"), accountEnabled=False)
    (message,) = found = looked_at.look()
    assert message["type"] == "disabled"
    assert message["user"] == {"id": guid(2, "f"), "userPrincipalName": "user2@example.org"}
    assert "device" not in message
    looked_at.handle(found)
    assert looked_at.status(record) is Status.HELD
    assert looked_at.look() == []
    looked_at.fake.directory.users.put(guid(2, "f"), accountEnabled=True)
    looked_at.handle(looked_at.look())
    assert looked_at.status(record) is Status.GOOD


def test_a_deleted_user_is_removed_by_name(looked_at: Tenant) -> None:
    record = looked_at.certificate(user="user2@example.org")
    looked_at.fake.directory.users.remove(guid(2, "f"))
    (message,) = found = looked_at.look()
    assert (message["type"], message["user"]["userPrincipalName"]) == ("userRemoved", "user2@example.org")
    looked_at.handle(found)
    assert looked_at.status(record) is Status.HELD
    looked_at.user(2)
    assert looked_at.told() == [("enabled", guid(2, "f"))]


def test_a_renamed_user_is_told_by_the_new_name(looked_at: Tenant) -> None:
    looked_at.fake.directory.users.put(guid(2, "f"), userPrincipalName="married@example.org")
    assert looked_at.look() == []
    looked_at.fake.directory.users.put(guid(2, "f"), accountEnabled=False)
    (message,) = looked_at.look()
    assert message["user"]["userPrincipalName"] == "married@example.org"


def test_a_user_nobody_knew_is_removed_by_id(looked_at: Tenant) -> None:
    looked_at.user(9)
    looked_at.fake.directory.users.remove(guid(9, "f"))
    assert looked_at.told() == [("userRemoved", guid(9, "f"))]


def test_a_first_look_tells_only_what_concerns_certificates(tenant: Tenant) -> None:
    for number in range(4):
        tenant.user(number, enabled=False)
    tenant.certificate(user="user3@example.org")
    assert tenant.told() == [("disabled", guid(3, "f"))]
    assert tenant.look() == []


def test_a_place_that_was_forgotten_is_read_again(looked_at: Tenant) -> None:
    users = looked_at.fake.directory.users
    users.hide(guid(1, "f"))
    users.put(guid(2, "f"), accountEnabled=False)
    users.lost_tokens = True
    assert sorted(looked_at.told()) == [("disabled", guid(2, "f")), ("userRemoved", guid(1, "f"))]


def test_a_missing_permission_is_named_and_devices_go_on(looked_at: Tenant) -> None:
    looked_at.device(1)
    looked_at.fake.entra.roles.discard("User.Read.All")
    looked_at.fake.directory.users.remove(guid(2, "f"))
    assert looked_at.look() == []
    assert "User.Read.All" in looked_at.note("user")["problem"]
    assert "problem" not in looked_at.note("device")
    assert looked_at.note("device")["listed"] == 1


def test_two_who_notice_at_once_tell_one_event(looked_at: Tenant) -> None:
    """A notification and a timer."""
    teller = looked_at.app._teller
    gone, raced = EntraUser(guid(2, "f"), removed=True), list[bool]()

    class Racing(Users):
        def compare(self, user: EntraUser, before: Known | None, *, first: bool = False) -> Known | None:
            if not raced:
                raced.append(Users("default", teller).take(gone))
            return super().compare(user, before, first=first)

    assert Racing("default", teller).take(gone) is False, "the other one has told it"
    assert raced == [True]
    assert len(looked_at.app.queues["device-events"].sent) == 1


def test_a_user_that_others_keep_changing_is_left_for_later(looked_at: Tenant) -> None:
    class Restless(Users):
        def compare(self, user: EntraUser, before: Known | None, *, first: bool = False) -> Known | None:
            assert before is not None
            self.teller.store.advance(before, before)
            return super().compare(user, before, first=first)

    with pytest.raises(Conflict):
        Restless("default", looked_at.app._teller).take(EntraUser(guid(2, "f"), removed=True))


def test_what_a_dead_worker_did_not_tell_is_told_by_the_next(looked_at: Tenant) -> None:
    teller = looked_at.app._teller
    before = teller.store.find("default", "user", guid(2, "f"))
    row = Users("default", teller).compare(EntraUser(guid(2, "f"), removed=True), before)
    assert row is not None
    teller.store.advance(row, before)
    assert Users("default", teller).take(EntraUser(guid(2, "f"), removed=True)) is True
    (message, _) = looked_at.app.queues["device-events"].sent[0]
    assert message["occurredAt"] == row.since.isoformat().replace("+00:00", "Z")
