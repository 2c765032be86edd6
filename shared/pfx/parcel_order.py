"""The body of `POST /manage/parcels`: one PFX of a user with its sealed password, and what was read of it where it was
opened, on the administrator's machine."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import MalformedMessage
from shared.pfx.import_keys import PADDING
from shared.pfx.imported_request import Base64, Thumbprint
from shared.policy.owner_ids import UserName
from shared.store.parcels import Purpose, SealedPassword

ROOM = 16 * 1024
"""Of a body, for everything but the PFX."""


class ParcelDocument(BaseModel):
    """The body. `keyVersion` may be left out where it is not known, as in Microsoft's format."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)

    version: Literal[1] = 1
    user: UserName
    thumbprint: Thumbprint
    purpose: Purpose
    not_before: AwareDatetime = Field(alias="notBefore")
    not_after: AwareDatetime = Field(alias="notAfter")
    subject: Annotated[str, Field(max_length=2048)] = ""
    key_name: Annotated[str, Field(min_length=1, max_length=256)] = Field(alias="keyName")
    key_version: Annotated[str, Field(max_length=64)] = Field(default="", alias="keyVersion")
    padding_scheme: Annotated[str, Field(max_length=32)] = Field(default=PADDING, alias="paddingScheme")
    encrypted_password: Annotated[Base64, Field(max_length=2048)] = Field(alias="encryptedPassword")
    pfx: Base64


@dataclass(frozen=True, slots=True)
class ParcelOrder:
    """A parcel that is to be kept."""

    user: str
    thumbprint: str
    purpose: Purpose
    not_before: datetime
    not_after: datetime
    subject: str
    password: SealedPassword
    pfx: bytes = field(repr=False)
    padding: str = PADDING

    @classmethod
    def parse(cls, body: bytes) -> ParcelOrder:
        """From JSON. Raises MalformedMessage; its public text names the wrong fields, no values."""
        try:
            document = ParcelDocument.model_validate_json(body)
        except ValidationError as error:
            details = error.errors(include_url=False, include_input=False, include_context=False)
            text = "; ".join(
                f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in details
            )
            raise MalformedMessage(f"unreadable parcel: {text}", public=f"The parcel: {text}.") from None
        ciphertext = b64decode(document.encrypted_password)
        return cls(
            user=document.user.lower(),
            thumbprint=document.thumbprint,
            purpose=document.purpose,
            not_before=document.not_before.replace(microsecond=0),
            not_after=document.not_after.replace(microsecond=0),
            subject=document.subject,
            password=SealedPassword(document.key_name, document.key_version, ciphertext),
            pfx=b64decode(document.pfx),
            padding=document.padding_scheme,
        )

    def document(self) -> dict[str, object]:
        """The body, as JSON takes it."""
        return {
            "version": 1,
            "user": self.user,
            "thumbprint": self.thumbprint,
            "purpose": self.purpose.value,
            "notBefore": self.not_before.isoformat(),
            "notAfter": self.not_after.isoformat(),
            "subject": self.subject,
            "keyName": self.password.key,
            "keyVersion": self.password.version,
            "paddingScheme": self.padding,
            "encryptedPassword": b64encode(self.password.ciphertext).decode(),
            "pfx": b64encode(self.pfx).decode(),
        }


def body_limit(largest: int) -> int:
    """Bytes of a body whose PFX has `largest` bytes."""
    return -(-largest // 3) * 4 + ROOM


def too_large(size: int, largest: int) -> MalformedMessage:
    """The refusal of a PFX, here and where it would be sent from."""
    reason = f"the PFX has {size:,} bytes, and {largest:,} are taken at most (SCEPTER_MAX_PFX_KIB)"
    return MalformedMessage(reason, public=f"T{reason[1:]}.")
