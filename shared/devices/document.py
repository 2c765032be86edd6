"""A device event in JSON: the schema of the generic webhook, of Event Grid and of messages on `device-events`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.devices.event import CertificateId, DeviceEvent, device_owners, user_owners
from shared.errors import MalformedMessage
from shared.policy.callers import VoucherName
from shared.policy.events import EventType

MAX_EVENT_BYTES = 16 * 1024
TOLERANCE = timedelta(minutes=5)
"""How far the clocks of a source and of ours may be apart."""

_Id = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f/\\#?]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, hide_input_in_errors=True, populate_by_name=True
    )


class DeviceIds(_Part):
    """What the device is called. One is enough; several teach that they are the same device."""

    intune: _Id | None = Field(default=None, alias="intuneDeviceId")
    entra: _Id | None = Field(default=None, alias="entraDeviceId")
    entra_object: _Id | None = Field(default=None, alias="entraObjectId")
    udid: _Id | None = None
    serial_number: _Id | None = Field(default=None, alias="serialNumber")
    id: _Id | None = None

    def owners(self) -> tuple[str, ...]:
        return device_owners({name: value for name, value in self if value})


class UserIds(_Part):
    """What the user is called."""

    id: _Id | None = None
    upn: _Id | None = Field(default=None, alias="userPrincipalName")

    def owners(self) -> tuple[str, ...]:
        return user_owners({name: value for name, value in self if value})


class CertificateIds(_Part):
    """One certificate: the id of its issuer, as in the address of the CRL, and its serial number in hexadecimal."""

    issuer: Annotated[str, Field(pattern="^[0-9a-f]{16}$")]
    serial: Annotated[str, Field(pattern="^([0-9a-f]{2}){1,40}$")]


class EventDocument(BaseModel):
    """`device` is whose certificates are meant; without one it is `user`. Of a device's event `user` only informs.
    `certificate` goes with `revocationRequested`, and with nothing else.

    Strict but for times and types, which JSON can only write as text.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True, str_max_length=1024
    )

    version: Literal[1] = 1
    id: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$", strict=True)]
    type: EventType
    occurred_at: AwareDatetime = Field(alias="occurredAt")
    source: VoucherName = "generic"
    device: DeviceIds | None = None
    user: UserIds | None = None
    certificate: CertificateIds | None = None

    @model_validator(mode="after")
    def _of_somebody(self) -> EventDocument:
        if (self.certificate is not None) is not (self.type is EventType.REVOCATION_REQUESTED):
            raise ValueError("certificate goes with revocationRequested and with no other type")
        if self.certificate is None and not self.owners():
            raise ValueError("names neither a device nor a user")
        if self.type is EventType.USER_REMOVED and not (self.user and self.user.owners()):
            raise ValueError("userRemoved has to name the user")
        return self

    def owners(self) -> tuple[str, ...]:
        """Whose certificates are meant."""
        device = self.device.owners() if self.device else ()
        user = self.user.owners() if self.user else ()
        if self.type is EventType.USER_REMOVED:
            return user
        return device or user

    def event(self, now: datetime) -> DeviceEvent:
        """The event. Raises MalformedMessage for one that is yet to happen: it would reach certificates to come."""
        occurred_at = self.occurred_at.astimezone(UTC).replace(microsecond=0)
        if occurred_at > now + TOLERANCE:
            raise MalformedMessage(
                f"event {self.id} of {self.source} says that it happens at {occurred_at:%Y-%m-%dT%H:%M:%SZ}",
                public="occurredAt lies in the future.",
            )
        at = min(occurred_at, now)
        if self.certificate is not None:
            one = CertificateId(self.certificate.issuer, self.certificate.serial)
            return DeviceEvent(self.source, self.id, self.type, at, (), one)
        return DeviceEvent(self.source, self.id, self.type, at, self.owners())


def message_of(document: EventDocument, received_at: datetime) -> dict[str, Any]:
    """The document as a message on `device-events`, with when it came in: by that the brake counts."""
    message: dict[str, Any] = json.loads(document.model_dump_json(by_alias=True, exclude_none=True))
    return message | {"receivedAt": received_at.isoformat()}


def parse_document(body: bytes, *, source: str | None = None) -> EventDocument:
    """The event in a body; `source` is who sent it, where that is known better than the body does. Raises
    MalformedMessage, whose public text names the wrong fields and no values."""
    check_size(body)
    try:
        document = EventDocument.model_validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(f"{_field(detail['loc'])}: {detail['msg']}" for detail in details[:10])
        raise MalformedMessage(
            f"event from {source or 'the bus'}: {text}", public=f"The event: {text}."
        ) from None
    return document.model_copy(update={"source": source}) if source else document


def check_size(body: bytes) -> None:
    """Raises MalformedMessage for a body that is larger than any event."""
    if len(body) > MAX_EVENT_BYTES:
        raise MalformedMessage(f"an event of {len(body)} bytes", public="The event is too large.")


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"
