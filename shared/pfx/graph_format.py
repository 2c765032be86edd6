"""Microsoft's own import format: userPFXCertificate of Graph, as Intune's PowerShell tool writes it.

Names of properties and values are taken in any case, and values of enumerations by number, too.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from shared.errors import MalformedMessage, PolicyViolation
from shared.pfx.import_keys import check_padding
from shared.pfx.imported_request import Base64, Thumbprint
from shared.pfx.parcel_order import ParcelOrder
from shared.policy.owner_ids import UserName
from shared.store.parcels import Purpose, SealedPassword

_PURPOSES: Final = {0: "unassigned", 1: "smimeEncryption", 2: "smimeSigning", 4: "vpn", 8: "wifi"}
_PADDINGS: Final = {0: "none", 1: "pkcs1", 2: "oaepSha1", 3: "oaepSha256", 4: "oaepSha384", 5: "oaepSha512"}
_HIDDEN: Final = ("AA==", "")
"""What Graph gives when it is asked for a PFX or a password: they go in and never come out."""


class _Certificate(BaseModel):
    """As far as it is read; in small letters. `keyname` may be `name/version`."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    thumbprint: Thumbprint
    intendedpurpose: str
    userprincipalname: UserName
    startdatetime: AwareDatetime
    expirationdatetime: AwareDatetime
    keyname: Annotated[str, Field(min_length=1)]
    paddingscheme: str
    encryptedpfxblob: Base64
    encryptedpfxpassword: Base64


def read_certificates(text: str) -> list[dict[str, Any]]:
    """The objects in a file: one, a list, or Graph's answer with its `value`. Raises MalformedMessage."""
    try:
        document = json.loads(text)
    except ValueError as error:
        raise MalformedMessage(f"the file is not JSON: {error}") from None
    if isinstance(document, dict) and isinstance(document.get("value"), list):
        document = document["value"]
    found = document if isinstance(document, list) else [document]
    if not found or not all(isinstance(each, dict) for each in found):
        raise MalformedMessage("the file holds no userPFXCertificate objects")
    return found


def read_order(document: dict[str, Any]) -> ParcelOrder:
    """The parcel in one object; its password is sealed to a key that the server has to know.

    Raises MalformedMessage, AlgorithmRefused for another padding, PolicyViolation for another purpose.
    """
    properties = {key.lower(): value for key, value in document.items()}
    for name in ("encryptedPfxBlob", "encryptedPfxPassword"):
        if properties.get(name.lower()) in _HIDDEN:
            raise MalformedMessage(
                f"{name} is empty: Graph does not give it back; take what was made for the import, not what was read"
            )
    properties["intendedpurpose"] = _named(properties.get("intendedpurpose"), _PURPOSES)
    properties["paddingscheme"] = _named(properties.get("paddingscheme"), _PADDINGS)
    try:
        found = _Certificate.model_validate_json(json.dumps(properties))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in details)
        raise MalformedMessage(f"not a userPFXCertificate: {text}") from None
    return _order(found)


def to_graph(order: ParcelOrder, *, provider: str, padding: str, created_at: datetime) -> dict[str, object]:
    """The object that Graph takes for a parcel whose password is sealed to the connector's key."""
    now = created_at.isoformat()
    return {
        "@odata.type": "#microsoft.graph.userPFXCertificate",
        "thumbprint": order.thumbprint,
        "intendedPurpose": order.purpose.value,
        "userPrincipalName": order.user,
        "startDateTime": order.not_before.isoformat(),
        "expirationDateTime": order.not_after.isoformat(),
        "providerName": provider,
        "keyName": order.password.key,
        "paddingScheme": padding,
        "encryptedPfxBlob": b64encode(order.pfx).decode(),
        "encryptedPfxPassword": b64encode(order.password.ciphertext).decode(),
        "createdDateTime": now,
        "lastModifiedDateTime": now,
    }


def _order(found: _Certificate) -> ParcelOrder:
    check_padding(found.paddingscheme)
    if found.intendedpurpose not in list(Purpose):
        raise PolicyViolation(
            f"intendedPurpose {found.intendedpurpose}: only smimeEncryption and smimeSigning are delivered"
        )
    name, _, version = found.keyname.partition("/")
    return ParcelOrder(
        user=found.userprincipalname.lower(),
        thumbprint=found.thumbprint,
        purpose=Purpose(found.intendedpurpose),
        not_before=found.startdatetime,
        not_after=found.expirationdatetime,
        subject="",
        password=SealedPassword(name, version, b64decode(found.encryptedpfxpassword)),
        pfx=b64decode(found.encryptedpfxblob),
    )


def _named(value: object, names: Mapping[int, str]) -> object:
    """The name of a value as Graph spells it, where it is one."""
    if isinstance(value, int):
        return names.get(value, str(value))
    spelt = {name.lower(): name for name in names.values()}
    return spelt.get(str(value).lower(), value)
