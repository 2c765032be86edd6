"""As whom a tenant is asked: the app's managed identity, or an app registration with a secret or a certificate."""

from __future__ import annotations

import binascii
import logging
from base64 import b64decode
from typing import TYPE_CHECKING, Any

from shared.errors import IntuneUnavailable

if TYPE_CHECKING:
    from azure.core.credentials import TokenCredential

    from shared.intune.pipeline import BoundedTransport
    from shared.intune.tenant import Tenant


def credential_of(tenant: Tenant, transport: BoundedTransport) -> TokenCredential:
    """A credential with no tokens yet. Raises IntuneUnavailable for a certificate that cannot be used."""
    from azure.identity import CertificateCredential, ClientSecretCredential, ManagedIdentityCredential

    from shared.intune.pipeline import HTTP_LOG

    options: dict[str, Any] = {"transport": transport, "retry_total": 1, "retry_backoff_factor": 0.2}
    options |= {"logger": HTTP_LOG, "http_logging_level": logging.DEBUG}
    if not tenant.client_secret and not tenant.client_certificate:
        return ManagedIdentityCredential(client_id=tenant.client_id or None, **options)
    # The authority is a setting: nobody else needs to vouch for it.
    options |= {"authority": tenant.authority, "disable_instance_discovery": True}
    if tenant.client_secret:
        return ClientSecretCredential(tenant.tenant, tenant.client_id, tenant.client_secret, **options)
    try:
        data = _certificate(tenant.client_certificate)
        return CertificateCredential(tenant.tenant, tenant.client_id, certificate_data=data, **options)
    except ValueError:
        raise IntuneUnavailable(
            f"integration {tenant.name}: its client certificate is no PEM with a key, and no PFX in base64"
        ) from None


def _certificate(text: str) -> bytes:
    """PEM as it is; else a PFX in base64, which is what a vault gives of a certificate. Raises ValueError."""
    if "-----BEGIN" in text:
        return text.encode()
    try:
        return b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError from error
