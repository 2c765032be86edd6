"""Graph's subscriptions to change notifications: the handshake, their limits, and deliveries to whoever subscribed."""

from __future__ import annotations

import http.client
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import escape
from typing import Any, Final
from urllib.parse import quote_plus, urlsplit

from fakes.microsoft.entra import Entra
from fakes.microsoft.parts import Refused, Reply, Request

LONGEST: Final = timedelta(minutes=41_760)
_QUOTA: Final = 100
_ROLES: Final = {"users": "User.Read.All", "groups": "Group.Read.All"}
_TOKEN: Final = "Validation: Testing client application reachability for subscription Request-Id: {}"
_PATH: Final = "/v1.0/subscriptions"

Deliver = Callable[[str, dict[str, str], bytes], tuple[int, str, bytes]]
"""POST to a URL with headers and body: status, content type, body."""


@dataclass
class Subscriptions:
    """`made` are those that are there. `deliver` is how notifications go out; tests may put theirs in place."""

    entra: Entra
    tenant: str
    deliver: Deliver = field(default_factory=lambda: post)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    handshakes: list[tuple[int, str, bytes]] = field(default_factory=list)

    def act(self, request: Request) -> str | None:
        place, _, key = request.path.partition("/subscriptions")
        if place != "/v1.0":
            return None
        acts = {
            ("GET", ""): "list",
            ("POST", ""): "subscribe",
            ("PATCH", "/"): "renew",
            ("DELETE", "/"): "unsubscribe",
        }
        word = acts.get((request.method, key[:1]))
        return word and f"subscriptions {word}"

    def answer(self, act: str, request: Request) -> Reply:
        key = request.path.removeprefix(_PATH).strip("/")
        if act.endswith("list"):
            self.entra.check_graph(request, *_ROLES.values())
            return Reply(200, {"value": [_shown(each) for each in self.made.values()]})
        if act.endswith(" subscribe"):
            return self._subscribe(request)
        self.entra.check_graph(request, *_ROLES.values())
        if key not in self.made:
            raise Refused(404, "ResourceNotFound")
        if act.endswith("unsubscribe"):
            del self.made[key]
            return Reply(204, None)
        self.made[key]["expirationDateTime"] = self._expiry(json.loads(request.body))
        return Reply(200, _shown(self.made[key]))

    def notify(self, *changes: dict[str, Any], **overrides: Any) -> int:
        """Deliver changes, each with its `resource`; one delivery for each address. The last status."""
        by_url: dict[str, list[dict[str, Any]]] = {}
        for change in changes:
            for each in self.made.values():
                if change["resource"].lower().startswith(each["resource"].strip("/").lower()):
                    item = {
                        "id": str(uuid.uuid4()),
                        "subscriptionId": each["id"],
                        "subscriptionExpirationDateTime": each["expirationDateTime"],
                        "clientState": each["clientState"],
                        "tenantId": self.tenant,
                        **change,
                        **overrides,
                    }
                    by_url.setdefault(each["notificationUrl"], []).append(item)
        status = 0
        for url, items in by_url.items():
            body = json.dumps({"value": items}).encode()
            status, _, _ = self.deliver(url, {"Content-Type": "application/json"}, body)
        return status

    def lifecycle(self, key: str, event: str) -> int:
        """Deliver a lifecycle notification."""
        each = self.made[key]
        item = {
            "subscriptionId": key,
            "subscriptionExpirationDateTime": each["expirationDateTime"],
            "clientState": each["clientState"],
            "tenantId": self.tenant,
            "lifecycleEvent": event,
        }
        body = json.dumps({"value": [item]}).encode()
        status, _, _ = self.deliver(
            each["lifecycleNotificationUrl"], {"Content-Type": "application/json"}, body
        )
        return status

    def _subscribe(self, request: Request) -> Reply:
        try:
            asked = json.loads(request.body)
        except ValueError:
            raise Refused(400, "no JSON") from None
        kind = str(asked.get("resource", "")).strip("/").partition("/")[0]
        if kind not in _ROLES or set(str(asked.get("changeType")).split(",")) - {"updated", "deleted"}:
            raise Refused(400, "resource or changeType")
        self.entra.check_graph(request, _ROLES[kind])
        if not asked.get("clientState") or len(asked["clientState"]) > 128:
            raise Refused(400, "clientState")
        if len(self.made) >= _QUOTA:
            raise Refused(403, "quota")
        asked["expirationDateTime"] = self._expiry(asked)
        for url in {asked.get("notificationUrl"), asked.get("lifecycleNotificationUrl")} - {None}:
            self._shake_hands(str(url))
        key = str(uuid.uuid4())
        self.made[key] = {"id": key, **asked}
        return Reply(201, _shown(self.made[key]))

    def _expiry(self, asked: dict[str, Any]) -> str:
        try:
            until = datetime.fromisoformat(str(asked["expirationDateTime"]).replace("Z", "+00:00"))
        except (KeyError, ValueError):
            raise Refused(400, "expirationDateTime") from None
        if until.tzinfo is None or until > self.now() + LONGEST:
            raise Refused(400, "Subscription expiration can only be 41760 minutes in the future.")
        return until.astimezone(UTC).isoformat().replace("+00:00", "Z")

    def _shake_hands(self, url: str) -> None:
        if not url.startswith("https://") and urlsplit(url).hostname != "127.0.0.1":
            raise Refused(400, "notificationUrl is not https")
        token = f"{_TOKEN.format(uuid.uuid4())} +&<é>"
        query = f"{url}?validationToken={quote_plus(token)}"
        answer = self.deliver(query, {"Content-Type": "text/plain; charset=utf-8"}, b"")
        self.handshakes.append(answer)
        status, kind, body = answer
        if (
            status != 200
            or not kind.startswith("text/plain")
            or body.decode().strip() not in (token, escape(token))
        ):
            raise Refused(400, "ValidationError: Subscription validation request failed.")


def post(url: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes]:
    """One POST over real HTTP, within the ten seconds that Graph waits."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request("POST", f"{parts.path}?{parts.query}".rstrip("?"), body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    except OSError:
        return 0, "", b""
    finally:
        connection.close()


def _shown(made: dict[str, Any]) -> dict[str, Any]:
    """What Graph gives back: never the clientState."""
    return {**made, "clientState": None}
