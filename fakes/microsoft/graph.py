"""Graph: where the services are, in pages of two, with others between, in mixed case, and some names twice."""

from __future__ import annotations

from dataclasses import dataclass, field

from fakes.microsoft.entra import GRAPH_ROLE, Entra
from fakes.microsoft.parts import Refused, Reply, Request, check_request_id

APP_ID = "0000000a-0000-0000-c000-000000000000"
_PAGE = 2


@dataclass
class Graph:
    """`unit` is the scale unit the services live in; `move` puts them into the next one."""

    entra: Entra
    version: str = "v1.0"
    app_id: str = APP_ID
    unit: int = 1
    missing: set[str] = field(default_factory=set)
    forbidden: bool = False

    def move(self) -> None:
        """From now on the services answer at another place, and 404 where they were."""
        self.unit += 1

    def scep_path(self) -> str:
        return f"/unit{self.unit}/RACerts/ScepRequestValidationFEService/Gateway/StatelessScepRequestValidationService"

    def connector_path(self) -> str:
        return f"/unit{self.unit}/RACerts/StatelessPkiConnectorService/Gateway/StatelessPkiConnectorService"

    def act(self, request: Request) -> str | None:
        path = f"/{self.version}/servicePrincipals/appId={self.app_id}/endpoints"
        return "discovery" if (request.method, request.path) == ("GET", path) else None

    def answer(self, act: str, request: Request) -> Reply:
        self.entra.check(request, self.entra.graph_audience, GRAPH_ROLE)
        check_request_id(request)
        if self.forbidden:
            raise Refused(403, "Authorization_RequestDenied")
        entries, start = self._entries(), int(request.query.get("$skiptoken", "0"))
        page = {"@odata.context": "$metadata#endpoints", "value": entries[start : start + _PAGE]}
        if start + _PAGE < len(entries):
            page["@odata.nextLink"] = f"{self.entra.base}{request.path}?$skiptoken={start + _PAGE}"
        return Reply(200, page)

    def _entries(self) -> list[dict[str, str]]:
        base = self.entra.base
        places = [
            ("StatelessRoleAdministrationFEService", f"{base}/other"),
            ("ScepRequestValidationFEService", f"{base}/an-old-place-of-the-service"),
            ("PolicyFEService", f"{base}/policy"),
            ("PkiConnectorFEService", f"{base}{self.connector_path()}"),
            ("scepRequestValidationFEService", f"{base}{self.scep_path()}/"),
        ]
        listed = [
            {"providerName": name, "uri": uri, "id": str(number), "capability": "none"}
            for number, (name, uri) in enumerate(places)
        ]
        return [entry for entry in listed if entry["providerName"].lower() not in self.missing]
