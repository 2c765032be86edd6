"""PasswordSealer for imported PFX files: CMS EnvelopedData as orders for keys get it, by RSA-OAEP or key agreement."""

from __future__ import annotations

from typing import cast

from shared.pfx.recipients import check_usage
from shared.pfx.sealing import Recipient, seal
from shared.policy.pkcs import SealingForm
from shared.x509.certificate import Certificate


class CMSSealer:
    """PasswordSealer. `form` is "cms" (RSA-OAEP with SHA-256; for P-256 key agreement) or "cms-pkcs1"."""

    def __init__(self, form: SealingForm = "cms") -> None:
        self._form: SealingForm = form

    def check(self, recipient: Certificate) -> None:
        Recipient.of(recipient)
        check_usage(recipient)

    def seal(self, secret: bytearray, recipient: Certificate) -> bytes:
        self.check(recipient)
        # A bytearray is as good as bytes for all that reads a buffer; converting it would leave a copy behind.
        (sealed,) = seal(cast("bytes", secret), Recipient.of(recipient), (self._form,))
        return sealed.data
