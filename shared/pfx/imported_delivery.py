"""What a device fetches: PFX files as they were imported, each with its password sealed to the device.

One JSON document for a request. What could not be delivered is named in it, too.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from typing import Any, Final

from shared.errors import IssuanceFault
from shared.store.pfx_requests import Part

KIND: Final = "importedPfx"


@dataclass(frozen=True, slots=True)
class Item:
    """One PFX and its password, which is CMS EnvelopedData (DER)."""

    thumbprint: str
    purpose: str
    pfx: bytes = field(repr=False)
    sealed_password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ImportedDelivery:
    """What was delivered for `request`, sealed to the certificate with serial number `recipient` (hexadecimal)."""

    request: str
    user: str
    device: str
    recipient: str
    items: tuple[Item, ...]
    failures: tuple[Part, ...]

    @classmethod
    def gone(cls, request: str, user: str, device: str) -> ImportedDelivery:
        """One whose content the device has acknowledged, and which is kept no more."""
        return cls(request, user, device, "", (), ())

    @property
    def parts(self) -> tuple[Part, ...]:
        """What became of each certificate."""
        return (*(Part(item.thumbprint, item.purpose) for item in self.items), *self.failures)

    def build(self) -> bytes:
        """The document."""
        document: dict[str, object] = {
            "version": 1,
            "kind": KIND,
            "request": self.request,
            "user": self.user,
            "device": self.device,
            "recipient": self.recipient,
            "items": [_item(item) for item in self.items],
            "failures": [
                {"thumbprint": part.thumbprint, "purpose": part.purpose, "reason": part.failure}
                for part in self.failures
            ],
        }
        return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()

    @classmethod
    def parse(cls, content: bytes) -> ImportedDelivery:
        """From the document. Raises IssuanceFault for anything else: it is we who wrote it."""
        try:
            document: dict[str, Any] = json.loads(content)
            if (document["version"], document["kind"]) != (1, KIND):
                raise IssuanceFault("a delivery of another kind or version")
            failures = [
                Part(each["thumbprint"], each["purpose"], each["reason"]) for each in document["failures"]
            ]
            return cls(
                request=document["request"],
                user=document["user"],
                device=document["device"],
                recipient=document["recipient"],
                items=tuple(map(_parsed, document["items"])),
                failures=tuple(failures),
            )
        except (ValueError, KeyError, TypeError):
            raise IssuanceFault("a delivery that cannot be read") from None


def _item(item: Item) -> dict[str, str]:
    return {
        "thumbprint": item.thumbprint,
        "purpose": item.purpose,
        "pfx": b64encode(item.pfx).decode(),
        "encryptedPassword": b64encode(item.sealed_password).decode(),
    }


def _parsed(document: dict[str, str]) -> Item:
    return Item(
        document["thumbprint"],
        document["purpose"],
        b64decode(document["pfx"], validate=True),
        b64decode(document["encryptedPassword"], validate=True),
    )
