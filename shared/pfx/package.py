"""What a delivery holds, in JSON: the PFX, its password sealed to the device, and the certificate beside it."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.errors import IssuanceFault
from shared.pfx.sealing import Recipient, Sealed
from shared.x509.certificate import Certificate

VERSION = 1


@dataclass(frozen=True, slots=True)
class Package:
    """One delivery, readable by nobody but the device: the password that opens `pfx` is only in `password`, sealed."""

    kind: str
    id: str
    profile: str
    encoding: str
    pfx: bytes = field(repr=False)
    certificate: Certificate
    password: Sequence[Sealed] = field(repr=False)
    recipient: Recipient

    def to_json(self) -> bytes:
        """The content of the delivery."""
        document: dict[str, Any] = {
            "version": VERSION,
            "kind": self.kind,
            "id": self.id,
            "profile": self.profile,
            "encoding": self.encoding,
            "serial": self.certificate.serial_hex,
            "notAfter": self.certificate.not_after.isoformat(),
            "certificate": _text(self.certificate.der),
            "pfx": _text(self.pfx),
            "recipient": recipient_name(self.recipient),
            "password": [{"form": sealed.form, "data": _text(sealed.data)} for sealed in self.password],
        }
        return json.dumps(document, separators=(",", ":")).encode()


def recipient_name(recipient: Recipient) -> dict[str, str]:
    """Who can open, so that a device finds the right key among its own."""
    if recipient.certificate is None:
        return {"keyIdentifier": recipient.key_identifier.hex()}
    return {"issuer": recipient.certificate.issuer.text(), "serial": recipient.certificate.serial_hex}


def certificate_in(content: bytes) -> Certificate:
    """The certificate in a delivery of ours. Raises IssuanceFault if it is none."""
    try:
        return Certificate.from_der(b64decode(json.loads(content)["certificate"], validate=True))
    except (ValueError, KeyError, TypeError, Base64Error) as error:
        raise IssuanceFault(f"a delivery without a certificate in it ({type(error).__name__})") from None


def _text(data: bytes) -> str:
    return b64encode(data).decode("ascii")
