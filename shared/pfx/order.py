"""An order for a key that is made here, in JSON: the body of `POST /pkcs/requests`, and messages on `pkcs-requests`."""

from __future__ import annotations

import hashlib
import json
from datetime import timedelta
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import MalformedMessage
from shared.policy.callers import VoucherName
from shared.policy.pkcs import SealingForm
from shared.policy.subject_variables import Attributes

MAX_ORDER_BYTES: Final = 32 * 1024
TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of a caller and of ours may be apart."""

_Id = Annotated[str, Field(min_length=1, max_length=256, pattern=r"^[^\x00-\x1f\x7f/\\#?]*$")]
_Text = Annotated[str, Field(min_length=1, max_length=1024)]


class Part(BaseModel):
    """What every table has in common: strict, frozen, and errors that repeat no values. Most workers never see an
    order: its validators are built when the first one comes."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        hide_input_in_errors=True,
        populate_by_name=True,
        defer_build=True,
    )


class User(Part):
    """Attributes of the user. The certificate goes on record under `userPrincipalName`, or under `id` without one."""

    id: _Id | None = None
    user_principal_name: _Id | None = Field(default=None, alias="userPrincipalName")
    user_name: _Text | None = Field(default=None, alias="userName")
    email_address: _Text | None = Field(default=None, alias="emailAddress")
    given_name: _Text | None = Field(default=None, alias="givenName")
    surname: _Text | None = None
    department: _Text | None = None
    dn: _Text | None = Field(default=None, alias="onPremisesDistinguishedName")
    sam_account_name: _Text | None = Field(default=None, alias="onPremisesSamAccountName")
    on_premises_upn: _Text | None = Field(default=None, alias="onPremisesUserPrincipalName")
    sid: _Text | None = Field(default=None, alias="onPremisesSecurityIdentifier")

    @property
    def owner(self) -> str:
        """The id that device events name the user by; empty if there is none."""
        return self.user_principal_name or self.id or ""


class Device(Part):
    """Attributes of the device. The certificate goes on record under the first of `id`, `intuneDeviceId` and
    `entraDeviceId`, and the recipient's certificate is looked for there."""

    id: _Id | None = None
    intune: _Id | None = Field(default=None, alias="intuneDeviceId")
    entra: _Id | None = Field(default=None, alias="entraDeviceId")
    name: _Text | None = Field(default=None, alias="deviceName")
    serial_number: _Text | None = Field(default=None, alias="serialNumber")
    imei: _Text | None = None
    meid: _Text | None = None
    wifi_mac_address: _Text | None = Field(default=None, alias="wiFiMacAddress")
    fqdn: _Text | None = Field(default=None, alias="fullyQualifiedDomainName")
    sid: _Text | None = Field(default=None, alias="onPremisesSecurityIdentifier")

    @property
    def owner(self) -> str:
        """The id that device events name the device by; empty if there is none."""
        return self.id or self.intune or self.entra or ""


class RecipientKey(Part):
    """Whom to seal to, where it is not the newest certificate of the device: one we issued to it, by `serial`, or a
    bare public key, `key` in PEM or `jwk`."""

    serial: Annotated[str, Field(pattern="^[0-9A-Fa-f]{1,40}$")] | None = None
    key: Annotated[str, Field(max_length=8192)] | None = None
    jwk: dict[str, Any] | None = None

    @model_validator(mode="after")
    def _one(self) -> RecipientKey:
        if sum(each is not None for each in (self.serial, self.key, self.jwk)) != 1:
            raise ValueError("has to have one of serial, key and jwk")
        return self


class ResultTarget(Part):
    """Where to tell how it ended: a storage queue, or a URL that is called with a signed body."""

    queue: Annotated[str, Field(pattern="^[a-z0-9](-?[a-z0-9]){2,62}$")] | None = None
    callback: Annotated[str, Field(max_length=2048)] | None = None

    @model_validator(mode="after")
    def _one(self) -> ResultTarget:
        if (self.queue is None) is (self.callback is None):
            raise ValueError("has to have one of queue and callback")
        return self


class PKCSOrder(Part):
    """`id` is the caller's own and means this order only. `caller` is needed on the queue; over HTTP it is whoever
    holds the secret. `validityDays` can only shorten the profile's; `sealing` is at most what the profile allows."""

    # Strict but for times, which JSON can only write as text.
    version: Literal[1] = 1
    id: Annotated[str, Field(pattern="^[A-Za-z0-9._~-]{1,128}$")]
    profile: Annotated[str, Field(max_length=64)]
    caller: VoucherName | None = None
    user: User | None = None
    device: Device | None = None
    recipient: RecipientKey | None = None
    sealing: Annotated[tuple[SealingForm, ...], Field(max_length=3)] = ()
    validity_days: Annotated[int, Field(ge=1, le=3660)] | None = Field(default=None, alias="validityDays")
    result: ResultTarget | None = None
    requested_at: AwareDatetime | None = Field(default=None, alias="requestedAt")

    @classmethod
    def parse(cls, body: bytes) -> PKCSOrder:
        """From JSON. Raises MalformedMessage; its public text names the wrong fields, no values."""
        if len(body) > MAX_ORDER_BYTES:
            raise MalformedMessage("an order that is too large", public="The order is too large.")
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            text = "; ".join(f"{_field(each['loc'])}: {each['msg']}" for each in details[:10])
            raise MalformedMessage(f"unreadable order: {text}", public=f"The order: {text}.") from None

    @property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of what is ordered; the same id with another digest is another order."""
        said = self.model_dump(
            mode="json",
            by_alias=True,
            exclude_none=True,
            include=set(PKCSOrder.model_fields) - {"caller", "requested_at", "version"},
        )
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    @property
    def attributes(self) -> Attributes:
        """What the formats of a profile are filled from: `user.userName`, `device.imei`."""
        found: dict[str, str] = {}
        for of, part in (("user", self.user), ("device", self.device)):
            told = part.model_dump(by_alias=True, exclude_none=True) if part else {}
            found |= {f"{of}.{name}": value for name, value in told.items()}
        return found

    @property
    def user_owner(self) -> str:
        return self.user.owner if self.user else ""

    @property
    def device_owner(self) -> str:
        return self.device.owner if self.device else ""


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"
