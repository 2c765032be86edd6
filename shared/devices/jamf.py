"""Jamf Pro's webhooks (developer.jamf.com, "Webhooks"), in JSON: a mobile device was un-enrolled.

Jamf Pro tells of no other end of a device's life; what the inventory loses otherwise is for the generic webhook.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.devices.document import DeviceIds, EventDocument, check_size
from shared.errors import MalformedMessage
from shared.policy.events import EventType

_UNENROLLED = "mobiledeviceunenrolled"
_MILLISECONDS = 10**11  # seconds of the year 5138, milliseconds of 1973: Jamf has sent both


class _Loose(BaseModel):
    """What Jamf adds in a new version is none of our business."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


class _Webhook(_Loose):
    id: int = 0
    event: Annotated[str, Field(alias="webhookEvent", max_length=100)]
    timestamp: Annotated[int, Field(alias="eventTimestamp", ge=0, lt=10**14)]


class _Device(_Loose):
    udid: Annotated[str, Field(max_length=256)] = ""
    serial_number: Annotated[str, Field(alias="serialNumber", max_length=256)] = ""


class _Delivery(_Loose):
    webhook: _Webhook
    event: _Device


class _Head(_Loose):
    webhook: _Webhook


def read_jamf(body: bytes, *, source: str) -> EventDocument | None:
    """The event in a delivery of Jamf Pro; None for those that say nothing of certificates. Raises MalformedMessage."""
    check_size(body)
    try:
        head = _Head.model_validate_json(body)
        if head.webhook.event.lower() != _UNENROLLED:
            return None
        delivery = _Delivery.model_validate_json(body)
        return _document(delivery, source)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, each["loc"])) or "body" for each in error.errors())
        raise MalformedMessage(
            f"delivery of Jamf Pro to {source}: wrong {fields:.200}", public="Not a webhook of Jamf Pro."
        ) from None


def _document(delivery: _Delivery, source: str) -> EventDocument:
    webhook, device = delivery.webhook, delivery.event
    seconds = webhook.timestamp // 1000 if webhook.timestamp > _MILLISECONDS else webhook.timestamp
    # Jamf gives its deliveries no id; a repeat says the same.
    said = repr((webhook.id, webhook.event, webhook.timestamp, device.udid, device.serial_number))
    return EventDocument(
        id=hashlib.sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:32],
        type=EventType.RETIRED,
        occurred_at=datetime.fromtimestamp(seconds, UTC),
        source=source,
        device=DeviceIds(udid=device.udid or None, serial_number=device.serial_number or None),
    )
