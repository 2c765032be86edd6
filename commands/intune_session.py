"""The tenant of an integration, as the function app tells it, for commands that the administrator runs in it."""

from __future__ import annotations

from typing import Any

from commands.session import Management
from shared.intune.tenant import Tenant


def integration_of(management: Management, name: str) -> dict[str, Any]:
    """What the app tells of it; nothing secret."""
    found: dict[str, Any] = management.call("GET", f"/manage/intune/{name}")
    return found


def tenant_of(found: dict[str, Any]) -> Tenant:
    """Where the administrator's calls go."""
    return Tenant(
        name=found["name"],
        tenant=found["tenant"],
        client_id="",
        authority=found["authority"],
        graph_url=found["graph_url"],
        graph_version=found["graph_version"],
        graph_scope=found["graph_scope"],
        app_id=found["app_id"],
        scope=found["scope"],
        scep_api_version="",
        revocation_api_version="",
    )
