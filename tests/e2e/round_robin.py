"""A load balancer before several hosts: one request to each in turn; a host that does not answer rests for a second."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from yarl import URL

_REST = 1.0


@dataclass
class RoundRobin:
    """`served` has who answered what: the index of the host, method and path."""

    hosts: Sequence[str]
    served: list[tuple[int, str]] = field(default_factory=list)
    lost: int = 0
    _next: int = 0
    _resting: dict[int, float] = field(default_factory=dict)
    _session: ClientSession | None = None

    def runner(self) -> web.AppRunner:
        application = web.Application(client_max_size=1 << 20)
        application.cleanup_ctx.append(self._connected)
        application.router.add_route("*", "/{path:.*}", self._serve)
        return web.AppRunner(application, access_log=None)

    async def _connected(self, _: web.Application) -> AsyncIterator[None]:
        async with ClientSession(timeout=ClientTimeout(total=60), trust_env=False) as self._session:
            yield

    async def _serve(self, request: web.Request) -> web.Response:
        assert self._session is not None
        chosen = self._choose()
        if chosen is None:
            return web.Response(status=503, headers={"Retry-After": "1"})
        url, body = URL(f"{self.hosts[chosen]}{request.raw_path}", encoded=True), await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() != "host"}
        try:
            async with self._session.request(
                request.method, url, data=body or None, headers=headers
            ) as answer:
                content = await answer.read()
        except (ClientError, TimeoutError):
            self._resting[chosen], self.lost = time.monotonic() + _REST, self.lost + 1
            return web.Response(status=502)
        self.served.append((chosen, f"{request.method} {request.raw_path[:60]}"))
        kept = {
            name: answer.headers[name] for name in ("Content-Type", "Retry-After") if name in answer.headers
        }
        return web.Response(status=answer.status, body=content, headers=kept)

    def _choose(self) -> int | None:
        now = time.monotonic()
        for _ in self.hosts:
            chosen, self._next = self._next, (self._next + 1) % len(self.hosts)
            if self._resting.get(chosen, 0) <= now:
                return chosen
        return None
