"""`Authorization: Bearer <secret>` (RFC 6750 2.1): what callers and devices present."""

from __future__ import annotations

import azure.functions as func


def bearer(req: func.HttpRequest) -> str:
    """The token, empty without one."""
    scheme, _, token = req.headers.get("authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" else ""
