"""Who may use the management API: an Entra principal with an app role in Azure, a local key elsewhere."""

from __future__ import annotations

import base64
import binascii
import hmac
import json

import azure.functions as func

from shared.errors import ChallengeRejected
from shared.wiring import Application, application

ADMINISTRATOR = "Scepter.Administrator"
_REFUSED = "Not authorised for the management API."


def authorise(req: func.HttpRequest) -> str:
    """The caller's name for the record. Raises ChallengeRejected (403)."""
    app = application()
    require_tls(req, app)
    return _entra_principal(req, app) if app.in_azure else _local_key(req, app)


def require_tls(req: func.HttpRequest, app: Application) -> None:
    """In Azure, secrets are taken over https only; http is open for the CRL and SCEP. Raises ChallengeRejected."""
    if app.in_azure and req.headers.get("x-forwarded-proto", "").lower() != "https":
        raise ChallengeRejected("a secret came over plain http", public="Use https for this address.")


def _local_key(req: func.HttpRequest, app: Application) -> str:
    expected = app.settings.management_key.get_secret_value()
    given = req.headers.get("x-scepter-key", "")
    if not expected:
        raise ChallengeRejected("SCEPTER_MANAGEMENT_KEY is not set, so nobody may manage", public=_REFUSED)
    if not hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode()):
        raise ChallengeRejected("management call with a wrong x-scepter-key", public=_REFUSED)
    return "local administrator"


def _entra_principal(req: func.HttpRequest, app: Application) -> str:
    """App Service authentication sets this header and strips it from what strangers send; only while it is on."""
    if app.environment.get("WEBSITE_AUTH_ENABLED", "").lower() != "true":
        raise ChallengeRejected("App Service authentication is off, so nobody may manage", public=_REFUSED)
    header = req.headers.get("x-ms-client-principal", "")
    try:
        principal = json.loads(base64.b64decode(header, validate=True))
        claims = [(str(claim["typ"]), str(claim["val"])) for claim in principal["claims"]]
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise ChallengeRejected("management call without an Entra principal", public=_REFUSED) from None
    role_type = str(principal.get("role_typ") or "roles")
    if (role_type, ADMINISTRATOR) not in claims and ("roles", ADMINISTRATOR) not in claims:
        raise ChallengeRejected(f"management call without the app role {ADMINISTRATOR}", public=_REFUSED)
    return req.headers.get("x-ms-client-principal-name", "") or "Entra principal"
