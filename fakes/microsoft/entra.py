"""Entra: tokens for an app registration (secret or certificate) and for the managed identity of an App Service."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from fakes.microsoft.parts import Refused, Reply, Request

TENANT = "5c0ffee0-1111-4222-8333-444455556666"
CLIENT = "aaaabbbb-cccc-4ddd-8eee-ffff00001111"
ADMINISTRATOR = "aaaabbbb-cccc-4ddd-8eee-ffff00002222"
"""The client of a person who signs in, with the same secret."""
CLIENT_SECRET = "client-secret-of-the-tests"
IDENTITY_HEADER = "identity-header-of-the-tests"
GRAPH = "https://graph.microsoft.com"
INTUNE = "https://api.manage.microsoft.com/"
SCEP_ROLE, GRAPH_ROLE = "scep_challenge_provider", "Application.Read.All"
DIRECTORY_ROLES = frozenset(
    {
        "Device.Read.All",
        "User.Read.All",
        "Group.Read.All",
        "DeviceManagementManagedDevices.Read.All",
        "DeviceManagementConfiguration.Read.All",
    }
)
ADMINISTRATOR_ROLES = frozenset(
    {"AppRoleAssignment.ReadWrite.All", "DeviceManagementConfiguration.ReadWrite.All", GRAPH_ROLE}
)
"""What a person has who sets a tenant up."""
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True)
class Token:
    """What a token says; itself it is opaque."""

    audience: str
    roles: frozenset[str]
    ends_at: float


@dataclass
class Entra:
    """`roles` are those of the app from now on, `administrator` those of a person; a token has those of when it was
    made."""

    base: str
    graph_audience: str = GRAPH
    intune_audience: str = INTUNE
    lifetime: int = 3600
    roles: set[str] = field(default_factory=lambda: {SCEP_ROLE, GRAPH_ROLE, *DIRECTORY_ROLES})
    administrator: set[str] = field(default_factory=lambda: set(ADMINISTRATOR_ROLES))
    certificate_key: rsa.RSAPublicKey | None = None
    tokens: dict[str, Token] = field(default_factory=dict)

    def act(self, request: Request) -> str | None:
        acts = {
            ("POST", f"/{TENANT}/oauth2/v2.0/token"): "token",
            ("GET", f"/{TENANT}/v2.0/.well-known/openid-configuration"): "openid-configuration",
            ("GET", "/msi/token"): "managed identity",
        }
        return acts.get((request.method, request.path))

    def answer(self, act: str, request: Request) -> Reply:
        if act == "openid-configuration":
            return Reply(200, self._configuration())
        return self._by_identity(request) if act == "managed identity" else self._by_registration(request)

    def check_graph(self, request: Request, *roles: str) -> None:
        """Raises Refused unless the request has a token for Graph that has one of the roles."""
        token = self.tokens.get(request.bearer)
        if token is None or token.audience != self.graph_audience or time.time() >= token.ends_at:
            raise Refused(401, "InvalidAuthenticationToken")
        if not token.roles & set(roles):
            raise Refused(
                403, "Authorization_RequestDenied: Insufficient privileges to complete the operation."
            )

    def check(self, request: Request, audience: str, role: str) -> None:
        """Raises Refused unless the request has a token for the audience that has the role."""
        token = self.tokens.get(request.bearer)
        if token is None or token.audience != audience or time.time() >= token.ends_at:
            raise Refused(401, "no token for this audience")
        if role not in token.roles:
            raise Refused(401, f"the token has no role {role}")

    def _by_registration(self, request: Request) -> Reply:
        form = request.form
        roles = {CLIENT: self.roles, ADMINISTRATOR: self.administrator}.get(form.get("client_id", ""))
        if form.get("grant_type") != "client_credentials" or roles is None:
            raise Refused(400, "no client credentials")
        if not self._knows(form):
            error = "AADSTS7000215: Invalid client secret provided."
            return Reply(401, {"error": "invalid_client", "error_description": f"{error} Trace ID: 1"})
        scopes = {
            f"{self.graph_audience}/.default": self.graph_audience,
            f"{self.intune_audience}/.default": self.intune_audience,
        }
        # msal adds the scopes of OpenID to none of these; the one that is asked for is the audience's.
        audience = scopes.get(form.get("scope", ""))
        if audience is None:
            raise Refused(400, f"AADSTS70011: scope {form.get('scope')}")
        token = self._make(audience, roles)
        return Reply(200, {"access_token": token, "expires_in": self.lifetime, "token_type": "Bearer"})

    def _by_identity(self, request: Request) -> Reply:
        if request.headers.get("x-identity-header") != IDENTITY_HEADER:
            raise Refused(401, "not the header of the identity endpoint")
        audience = request.query.get("resource", "")
        if request.query.get("api-version") != "2019-08-01" or audience not in (
            self.graph_audience,
            self.intune_audience,
        ):
            raise Refused(400, f"resource {audience}")
        ends = {"expires_on": str(int(time.time()) + self.lifetime), "resource": audience}
        return Reply(200, {"access_token": self._make(audience, self.roles), "token_type": "Bearer", **ends})

    def _knows(self, form: dict[str, str]) -> bool:
        if "client_secret" in form:
            return secrets.compare_digest(form["client_secret"], CLIENT_SECRET)
        if form.get("client_assertion_type") != _ASSERTION or self.certificate_key is None:
            return False
        try:
            jwt.decode(
                form["client_assertion"],
                self.certificate_key,
                algorithms=["RS256", "PS256"],
                audience=f"{self.base}/{TENANT}/oauth2/v2.0/token",
                issuer=CLIENT,
            )
        except jwt.InvalidTokenError:
            return False
        return True

    def _make(self, audience: str, roles: set[str]) -> str:
        token = f"token-{secrets.token_urlsafe(24)}"
        self.tokens[token] = Token(audience, frozenset(roles), time.time() + self.lifetime)
        return token

    def _configuration(self) -> dict[str, str]:
        authority = f"{self.base}/{TENANT}"
        return {
            "issuer": f"{authority}/v2.0",
            "authorization_endpoint": f"{authority}/oauth2/v2.0/authorize",
            "token_endpoint": f"{authority}/oauth2/v2.0/token",
        }
