"""A request for a delivery: parcels of a user to a device, either those stored here or one that it brings along.

`PFXOrder` is its JSON, the body of `POST /pfx/requests` and of messages on `pfx-requests`; `PFXRequest` the value.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from shared.errors import MalformedMessage
from shared.pfx.order import ResultTarget
from shared.policy.owner_ids import DeviceId, UserName
from shared.store.parcels import Purpose

KIND: Final = "pfx"
BROUGHT = "brought/"
"""How names of blobs begin that callers bring; the caller's own name comes next."""
_MOST_CERTIFICATE = 16 * 1024

RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._~:@-]{1,128}$")]
BlobName = Annotated[
    str, Field(max_length=200, pattern=rf"^{BROUGHT}[a-z0-9][a-z0-9_-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")
]
Thumbprint = Annotated[str, Field(pattern="^[0-9a-fA-F]{40}$"), AfterValidator(str.lower)]


def _base64(text: str) -> str:
    try:
        b64decode(text, validate=True)
    except ValueError:
        raise ValueError("not base64") from None
    return text


Base64 = Annotated[str, Field(min_length=4), AfterValidator(_base64)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


class BroughtDocument(_Part):
    """A parcel that the request brings, in the words of Microsoft's userPFXCertificate. The file is a blob of the
    container `parcels`, or by HTTP also in the request itself (`pfx`)."""

    encrypted_password: Annotated[Base64, Field(max_length=2048)] = Field(alias="encryptedPfxPassword")
    key_name: Annotated[str, Field(min_length=1, max_length=256)] = Field(alias="keyName")
    key_version: Annotated[str, Field(max_length=64, pattern="^[0-9A-Za-z]*$")] = Field(
        default="", alias="keyVersion"
    )
    padding_scheme: Annotated[str, Field(max_length=32)] = Field(alias="paddingScheme")
    blob: BlobName | None = Field(default=None, alias="pfxBlob")
    pfx: Base64 | None = None
    thumbprint: Thumbprint | Literal[""] = ""
    purpose: Purpose = Field(default=Purpose.ENCRYPTION, alias="intendedPurpose")

    @model_validator(mode="after")
    def _one_file(self) -> Self:
        if (self.blob is None) is (self.pfx is None):
            raise ValueError("give one of pfxBlob and pfx")
        return self


class RecipientDocument(_Part):
    """Whom to seal to, where that is not the newest certificate that was issued here to the device: a certificate, or
    the public key (SubjectPublicKeyInfo) of one that was. Both DER in base64."""

    certificate: Annotated[Base64, Field(max_length=_MOST_CERTIFICATE)] | None = None
    key: Annotated[Base64, Field(max_length=_MOST_CERTIFICATE)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.certificate is None) is (self.key is None):
            raise ValueError("give one of certificate and key")
        return self


class PFXOrder(BaseModel):
    """One request. `purposes` choose among stored parcels."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    version: Literal[1] = 1
    id: RequestId
    user: UserName
    device: DeviceId
    purposes: Annotated[tuple[Purpose, ...], Field(min_length=1, max_length=2)] | None = None
    parcel: BroughtDocument | None = None
    recipient: RecipientDocument | None = None
    result: ResultTarget | None = None

    @model_validator(mode="after")
    def _one_shape(self) -> Self:
        if self.parcel is not None and self.purposes is not None:
            raise ValueError("purposes choose among stored parcels; this request brings its own")
        return self

    @classmethod
    def parse(cls, body: bytes) -> Self:
        """From JSON. Raises MalformedMessage; its public text names the wrong fields, no values."""
        try:
            return cls.model_validate_json(body)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            text = "; ".join(f"{_field(each['loc'])}: {each['msg']}" for each in details[:10])
            raise MalformedMessage(
                f"unreadable PFX request: {text}", public=f"The request: {text}."
            ) from None

    def request(self, caller: str) -> PFXRequest:
        """The value, asked by `caller`; the file it brings has to be a blob by now."""
        parcel, recipient = self.parcel, self.recipient
        return PFXRequest(
            caller=caller,
            id=self.id,
            user=self.user.lower(),
            device=self.device.lower(),
            purposes=frozenset(self.purposes or Purpose),
            parcel=None if parcel is None else _brought(parcel),
            certificate=_decoded(recipient.certificate if recipient else None),
            key=_decoded(recipient.key if recipient else None),
            digest=self._digest(),
            result=self.result,
        )

    def _digest(self) -> str:
        asked = self.model_dump(mode="json", include=set(PFXOrder.model_fields) - {"version"})
        return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class BroughtParcel:
    """A parcel that came with a request. Padding and key are as the caller names them."""

    ciphertext: bytes = field(repr=False)
    key: str
    key_version: str
    padding: str
    blob: str
    thumbprint: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class PFXRequest:
    """What is asked for, by whom. `certificate` or `key` (DER) name the recipient; empty: the device's newest one."""

    caller: str
    id: str
    user: str
    device: str
    purposes: frozenset[Purpose]
    parcel: BroughtParcel | None
    certificate: bytes = field(repr=False)
    key: bytes = field(repr=False)
    digest: str
    result: ResultTarget | None = None

    @property
    def delivery(self) -> str:
        """The id of what is delivered."""
        return delivery_id(self.caller, self.id)


def delivery_id(caller: str, request: str) -> str:
    """Of a caller's request: ids of callers are their own."""
    return f"{KIND}-{hashlib.sha256(f'{caller}/{request}'.encode()).hexdigest()[:40]}"


def _brought(parcel: BroughtDocument) -> BroughtParcel:
    return BroughtParcel(
        ciphertext=_decoded(parcel.encrypted_password),
        key=parcel.key_name,
        key_version=parcel.key_version,
        padding=parcel.padding_scheme,
        blob=parcel.blob or "",
        thumbprint=parcel.thumbprint,
        purpose=parcel.purpose,
    )


def _decoded(text: str | None) -> bytes:
    return b64decode(text) if text else b""


def _field(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"
