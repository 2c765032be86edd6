"""The HTTP side: function routes, `/admin/functions/{name}` and the Event Grid webhook, as the real host has them."""

import asyncio
import hmac
import json
import os
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from azure.functions.meta import Datum

from local.app import Function, Worker
from local.routes import Routes
from local.settings import HostConfig
from local.timers import Timer

BODY_LIMIT, HEADER_LIMIT = 104_857_600, 32_768


class Front:
    """Answers every request on the one port."""

    def __init__(self, functions: dict[str, Function], worker: Worker, timers: dict[str, Timer]) -> None:
        self._functions, self._worker, self._timers = functions, worker, timers

    def runner(self, config: HostConfig, keys: list[str], line_limit: int, grace: float) -> web.AppRunner:
        """`keys`: the function key, and the master key, which opens all. Running calls have `grace` seconds."""
        self._keys, self._routes = keys, Routes(config.route_prefix, self._functions.values())
        self._line_limit, self._most_outstanding, self._outstanding = line_limit, config.max_outstanding, 0
        self._slots = asyncio.Semaphore(config.max_concurrent if config.max_concurrent > 0 else 1 << 31)
        # The server's own limits lie above the real host's, which _oversize applies.
        application = web.Application(client_max_size=1 << 62)
        application.router.add_route("*", "/{path:.*}", self._serve)
        limits: dict[str, Any] = {"max_line_size": line_limit + (1 << 20), "max_field_size": HEADER_LIMIT}
        limits |= {"auto_decompress": False, "access_log": None, "shutdown_timeout": grace}
        return web.AppRunner(application, **limits)

    async def _serve(self, request: web.Request) -> web.Response:
        path, _, query_string = request.raw_path.partition("?")
        query = {name: ",".join(found) for name, found in parse_qs(query_string).items()}
        key = request.headers.get("x-functions-key") or query.get("code", "")
        if refused := self._oversize(request):
            return web.Response(status=refused)
        if path.startswith("/admin/functions/"):
            return await self._manage(request, path.rsplit("/", 1)[1], key, webhook=False)
        if path.lower() == "/runtime/webhooks/eventgrid":
            return await self._manage(request, query.get("functionName", ""), key, webhook=True)
        function, route = self._routes.find(request.method, path)
        if function is None:
            home = path == "/" and os.environ.get("AzureWebJobsDisableHomepage") != "true"  # noqa: SIM112
            return web.Response(text="The function app is running.") if home else web.Response(status=404)
        if not self._opens(function.trigger.get("authLevel", "FUNCTION"), key):
            return web.Response(status=401)
        if 0 <= self._most_outstanding <= self._outstanding:
            return web.Response(status=429)
        self._outstanding += 1
        try:
            async with self._slots:
                return _response(await self._worker.invoke(function, await _datum(request, query, route)))
        except Exception:  # noqa: BLE001 - the worker has logged it; the caller learns nothing
            return web.Response(status=500)
        finally:
            self._outstanding -= 1

    def _opens(self, level: str, offered: str) -> bool:
        keys = {"ANONYMOUS": (offered,), "FUNCTION": self._keys}.get(level, self._keys[1:])
        return any(hmac.compare_digest(ascii(offered), ascii(key)) for key in keys)

    def _oversize(self, request: web.Request) -> int | None:
        if len(f"{request.method} {request.raw_path} HTTP/1.1") > self._line_limit:
            return 414
        if sum(len(name) + len(value) for name, value in request.raw_headers) > HEADER_LIMIT:
            return 431
        limit = int(os.environ.get("FUNCTIONS_REQUEST_BODY_SIZE_LIMIT", BODY_LIMIT))
        return 413 if (request.content_length or 0) > limit else None

    async def _manage(self, request: web.Request, name: str, key: str, *, webhook: bool) -> web.Response:
        """Event Grid's webhook, or a run on demand through the admin API; both want the master key."""
        function = self._functions.get(name)
        if not self._opens("ADMIN", key):
            return web.Response(status=401)
        kinds = ("eventGridTrigger",) if webhook else ("queueTrigger", "timerTrigger", "eventGridTrigger")
        if function is None or function.kind not in kinds or request.method != "POST":
            return web.Response(status=404)
        try:
            body = json.loads(await request.read() or b"{}")
            if not webhook:
                self._run_on_demand(function, body.get("input", ""))
                return web.Response(status=202)
            if request.headers.get("aeg-event-type") == "SubscriptionValidation":
                return web.json_response({"validationResponse": body[0]["data"]["validationCode"]})
        except (ValueError, TypeError, LookupError, AttributeError):
            return web.Response(status=400)
        events = [Datum(json.dumps(event), "json") for event in (body if isinstance(body, list) else [body])]
        runs = [self._worker.invoke(function, event) for event in events]
        results = await asyncio.gather(*runs, return_exceptions=True)
        return web.Response(status=500 if any(isinstance(r, Exception) for r in results) else 202)

    def _run_on_demand(self, function: Function, given: object) -> None:
        if timer := self._timers.get(function.name):
            self._worker.start(timer.run(datetime.now(UTC)))
            return
        text = given if isinstance(given, str) else json.dumps(given)
        data = Datum(text, "json" if function.kind == "eventGridTrigger" else "string")
        metadata = {"Id": Datum(str(uuid.uuid4()), "string"), "DequeueCount": Datum("1", "json")}
        self._worker.start(self._worker.invoke(function, data, metadata))


async def _datum(request: web.Request, query: Mapping[str, str], route: Mapping[str, str]) -> Datum:
    headers: dict[str, str] = {}
    for name, value in ((name.lower(), value) for name, value in request.headers.items()):
        if not name.startswith("x-ms-client-principal"):  # only Azure says who is signed in
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    headers["x-forwarded-for"] = f"{headers.get('x-forwarded-for', '')},{request.remote}"  # as in Azure
    # The real host hands on a body only if its length was announced: a chunked one arrives empty.
    body = await request.read() if request.content_length else b""
    values: dict[str, Any] = {"method": Datum(request.method, "string"), "body": Datum(body, "bytes")}
    values["url"] = Datum(f"http://{request.host}{request.raw_path}", "string")
    for part, pairs in (("headers", headers), ("query", query), ("params", route)):
        values[part] = {name: Datum(value, "string") for name, value in pairs.items()}
    return Datum(values, "http")


def _response(answer: Datum) -> web.Response:
    if answer.type == "string":
        return web.Response(text=answer.value)
    # Of several headers of a name the last wins: between worker and host they are a map. Only cookies may repeat.
    headers = list({n.lower(): (n, v.value) for n, v in answer.value["headers"].items()}.values())
    for cookie in answer.value["cookies"] or ():
        headers += [("Set-Cookie", morsel.OutputString()) for morsel in cookie.values()]
    status, body = int(answer.value["status_code"].value), answer.value["body"].value
    return web.Response(status=status, headers=headers, body=body)
