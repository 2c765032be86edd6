"""One integration: the tenant, as whom it is asked, and where Microsoft's services are for it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Tenant:
    """`name` is the integration's, as profiles name it. Without secret and certificate the app's managed identity
    asks; `client_id` then says which, if there are several. URLs are https, without a slash at the end."""

    name: str
    tenant: str
    client_id: str
    authority: str
    graph_url: str
    graph_version: str
    graph_scope: str
    app_id: str
    scope: str
    scep_api_version: str
    revocation_api_version: str
    client_secret: str = field(default="", repr=False)
    client_certificate: str = field(default="", repr=False)

    @property
    def scope_of_graph(self) -> str:
        """The scope of tokens for Graph."""
        return self.graph_scope or f"{self.graph_url}/.default"

    def graph(self, path: str, *, version: str = "") -> str:
        """The address of a resource in Graph, by the path after its version."""
        return f"{self.graph_url}/{version or self.graph_version}/{path}"

    @property
    def endpoints_url(self) -> str:
        """Where Graph lists the endpoints of Intune's service principal."""
        return f"{self.graph_url}/{self.graph_version}/servicePrincipals/appId={self.app_id}/endpoints"
