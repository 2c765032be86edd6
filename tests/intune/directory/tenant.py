"""A tenant's directory as the tests change it, and what Scepter makes of that."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fakes.microsoft import FakeIntune
from functions import events, intune
from shared.ca.authority import CertificateAuthority
from shared.record.health import Finding
from shared.store.ports import CertificateRecord, Status
from tests.ca.stores import template
from tests.functions.application import MemoryApplication, queue_message
from tests.intune.scene import PROFILES, settings_of
from tests.scep.authority import POLICY


def guid(number: int, kind: str = "d") -> str:
    """An id; kinds: d is Entra's device id, a the object id of the account, e Intune's id, f a user's."""
    return f"{ord(kind):08x}-0000-4000-8000-{number:012x}"


@dataclass
class Tenant:
    """`app` is the whole application over memory, with "default" to be looked at."""

    app: MemoryApplication
    fake: FakeIntune
    issued: int = 0

    @classmethod
    def make(cls, fake: FakeIntune, **changes: str) -> Tenant:
        app = MemoryApplication(settings_of(fake, DIRECTORY="true", **changes))
        app.policy = POLICY + PROFILES
        return cls(app, fake)

    def device(self, number: int, *, enabled: bool = True, managed: bool = True, listed: bool = True) -> None:
        """A device of the tenant, in Entra and unless told otherwise in Intune."""
        account = {"deviceId": guid(number), "accountEnabled": enabled, "isManaged": managed}
        self.fake.directory.devices.put(guid(number, "a"), **account)
        if listed:
            self.fake.managed.put(guid(number, "e"), guid(number), f"SN{number}")

    def user(self, number: int, *, enabled: bool = True) -> None:
        self.fake.directory.users.put(
            guid(number, "f"), userPrincipalName=f"user{number}@example.org", accountEnabled=enabled
        )

    def certificate(self, device: str = "", user: str = "") -> CertificateRecord:
        """A certificate that Intune vouched for."""
        from shared.ca.authority import Order  # only here

        self.issued += 1
        order = Order(f"request-{self.issued}", "intune", "intune:default", device=device, user=user)
        authority = CertificateAuthority(self.app.issuer, self.app.store)
        return authority.issue(template(), order, now=self.app.now).record

    def look(self, **passing: float) -> list[dict[str, Any]]:
        """What the timer does, after some time; the events that it told."""
        self.app.now += timedelta(**passing) if passing else timedelta(minutes=15)
        sent = self.app.queues["device-events"].sent
        before = len(sent)
        intune.reconcile_directories._function.get_user_function()(None)
        return [dict(message) for message, _ in list(sent)[before:]]

    def told(self, **passing: float) -> list[tuple[str, str]]:
        """Type and first id of each event of a look."""
        found = self.look(**passing)
        return [
            (each["type"], next(iter((each.get("device") or each.get("user") or {}).values())))
            for each in found
        ]

    def handle(self, messages: list[dict[str, Any]]) -> None:
        """What the queue does with events."""
        for message in messages:
            events.handle_device_event._function.get_user_function()(
                queue_message(json.loads(json.dumps(message)))
            )

    def status(self, record: CertificateRecord) -> Status:
        found = self.app.store.find(record.issuer, record.serial)
        assert found is not None
        return found.status

    def note(self, kind: str = "device") -> dict[str, Any]:
        found = self.app.notes.read(f"default.{kind}s")
        return dict(found.content) if found else {}

    def finding(self, subject: str) -> Finding:
        (found,) = [each for each in self.app.health() if each.subject == subject]
        return found
