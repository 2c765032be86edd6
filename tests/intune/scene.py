"""A device, the SCEP endpoint and the fake: enrolments in mode "intune" from the outside to the store in memory."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import azure.functions as func
import pytest
from cryptography import x509

from fakes.microsoft import FakeIntune
from functions import intune, scep
from shared import config
from shared.errors import IntuneUnavailable
from shared.intune.client import IntuneClient
from shared.scep.client import Reply, Requester, build_request, read_reply
from shared.scep.message import PKIStatus
from shared.store.ports import CertificateRecord
from shared.wiring.intune import _client
from shared.x509.certificate import Certificate
from tests.functions.application import LOCAL, MemoryApplication, call, request
from tests.scep.authority import POLICY, csr, self_signed

NOT_AFTER = datetime(2027, 1, 31, 12, 0, tzinfo=UTC)
SUBJECT = "CN=dev1,O=Example"
DEVICE = "0d0c0b0a-1111-2222-3333-445566778899"
PROFILES = """
[profiles.intune]
title = "Devices that Intune vouches for"
holder = "device"
challenge = "intune"
subject.CN = { pattern = "[a-z0-9-]{1,40}", required = true }
subject.O = { pattern = "Example" }
san.dns = { pattern = "[a-z0-9-]+[.]example[.]org" }
san.uri = { pattern = "IntuneDeviceId://[0-9a-f-]{36}" }
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365

[profiles.intune-user]
title = "Users that Intune vouches for"
holder = "user"
challenge = "intune"
subject.CN = { pattern = "[A-Za-z0-9-]{1,40}", required = true }
san.upn = { pattern = "[a-z]+@example[.]org" }
san.uri = { pattern = "IntuneDeviceId://[0-9a-f-]{36}" }
key_usage = { allowed = ["digitalSignature"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365
"""


def settings_of(fake: FakeIntune, **changes: str) -> dict[str, str]:
    """The environment with the integration "default"; changes replace its values, and an empty one takes it away."""
    changed = {f"SCEPTER_INTUNE__DEFAULT__{name}": value for name, value in changes.items()}
    return {name: value for name, value in {**LOCAL, **fake.settings, **changed}.items() if value}


def client_for(
    fake: FakeIntune, *, seconds: float = 10, managed_identity: str = "", **changes: str
) -> IntuneClient:
    """A client as the composition root makes it. Close it."""
    settings = config.load(settings_of(fake, **changes))
    return _client("default", settings.intune["default"], managed_identity, seconds)


@dataclass(frozen=True)
class Device:
    """A device with one message, which it may send again, and again under another profile."""

    scene: Scene
    der: bytes
    requester: Requester
    transaction_id: str
    nonce: bytes
    request: bytes
    profile: str = "intune"

    def send(self) -> func.HttpResponse:
        """POST the message; the HTTP answer."""
        path, route = f"/scep/{self.profile}?operation=PKIOperation", {"profile": self.profile}
        return call(scep.scep, request("POST", path, body=self.der, route=route))

    def read(self, answer: func.HttpResponse) -> Reply:
        assert answer.status_code == 200, answer.get_body()
        ra = self.scene.app.world.ra.certificate
        return read_reply(
            answer.get_body(), self.requester, ra, transaction_id=self.transaction_id, nonce=self.nonce
        )

    def ask(self) -> Reply:
        """Send, and read the CertRep."""
        return self.read(self.send())

    def enrol(self) -> Certificate:
        """Anything but success fails the test."""
        reply = self.ask()
        assert reply.status is PKIStatus.SUCCESS, reply.fail_text
        return reply.certificates[0]


@dataclass
class Scene:
    """`app` is the whole application over memory, `fake` whom it asks."""

    app: MemoryApplication
    fake: FakeIntune

    @classmethod
    def make(cls, fake: FakeIntune, **changes: str) -> Scene:
        """`changes` are settings."""
        app = MemoryApplication(settings_of(fake), **changes)
        app.policy = POLICY + PROFILES
        return cls(app, fake)

    def challenge(self, subject: str = SUBJECT, sans: Sequence[str] = (), **wishes: Any) -> str:
        """A challenge of 4 KB for a request with this subject and these SANs."""
        return self.fake.scep.challenges.mint(subject, tuple(sans), **wishes)

    def device(
        self,
        subject: str = SUBJECT,
        *,
        challenge: str | None = None,
        sans: Sequence[x509.GeneralName] = (),
        number: int = 0,
        transaction_id: str | None = None,
        profile: str = "intune",
        **wishes: Any,
    ) -> Device:
        """A device that has the challenge it needs, or the one it is given."""
        if challenge is None:
            challenge = self.challenge(subject, [text_of(san) for san in sans], **wishes)
        return self.with_request(
            csr(subject, challenge=challenge, sans=sans, number=number),
            self_signed(number),
            transaction_id=transaction_id,
            profile=profile,
        )

    def with_request(
        self, der: bytes, requester: Requester, *, transaction_id: str | None = None, profile: str = "intune"
    ) -> Device:
        message, transaction, nonce = build_request(
            der, requester, self.app.world.ra.certificate, transaction_id=transaction_id
        )
        return Device(self, message, requester, transaction, nonce, der, profile)

    @property
    def records(self) -> list[CertificateRecord]:
        return list(self.app.store.records(self.app.issuer.id))

    @property
    def certificates_of_intune(self) -> list[str]:
        """Serials that the fake was told of, in order."""
        return [each["certificateSerialNumber"] for each in self.fake.scep.successes]

    def a_minute_passes(self) -> None:
        """Msal asks Entra again after a failure, and we ask it for newer tokens than it gave a moment ago."""
        for client in self.app.intune_clients.values():
            credential = client._wire._credential
            credential._final_until, credential._current = 0.0, None
            client._services._rests_until = 0.0

    def another_worker(self) -> Scene:
        """A worker of its own over the same storage; put it in place, and close it."""
        other = Scene.make(self.fake)
        other.app.now, other.app.world, other.app.policy = self.app.now, self.app.world, self.app.policy
        other.app.store, other.app.outboxes, other.app.queues = (
            self.app.store,
            self.app.outboxes,
            self.app.queues,
        )
        return other


def allowed(client: IntuneClient, request_der: bytes) -> bool:
    return client.validate("transaction-1", request_der).accepted


def refused(client: IntuneClient, request_der: bytes, *words: str) -> None:
    with pytest.raises(IntuneUnavailable) as away:
        client.validate("transaction-1", request_der)
    assert all(word in away.value.reason for word in words), away.value.reason


def text_of(san: x509.GeneralName) -> str:
    """As the fake wants it."""
    kinds: Mapping[type[Any], str] = {x509.DNSName: "dns", x509.UniformResourceIdentifier: "uri"}
    if isinstance(san, x509.OtherName):
        return f"upn:{san.value[2:].decode()}"
    return f"{kinds[type(san)]}:{san.value}"


def upn(name: str) -> x509.OtherName:
    """A user principal name."""
    value = name.encode()
    return x509.OtherName(x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3"), bytes((0x0C, len(value))) + value)


def device_uri(device: str = DEVICE) -> x509.UniformResourceIdentifier:
    """The SAN that names a device by its id in Intune."""
    return x509.UniformResourceIdentifier(f"IntuneDeviceId://{device}")


def sweep() -> None:
    """What the timer does."""
    intune.sweep_intune._function.get_user_function()(None)


def bytes_told(notification: Mapping[str, Any]) -> bytes:
    """The request in a notification."""
    return base64.b64decode(notification["certificateRequest"])
