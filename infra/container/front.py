"""`python -m infra.container.front`: before the Functions host in a container, where no front end of Azure's is.

Devices that send SCEP by GET only may need request lines of 40 KB, and the Functions host takes 8 KB: a longer
PKIOperation goes on to it as a POST (RFC 8894 4.1). Secrets are taken over https only, as the ingress reports it, and
nobody but the platform's sign-in may say who is signed in.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from typing import Final

from aiohttp import ClientError, ClientSession, ClientTimeout, DummyCookieJar, web
from yarl import URL

from shared.errors import MalformedMessage
from shared.scep.transport import decode_message, query_parameter

LONGEST_LINE: Final = 40 * 1024
LARGEST_BODY: Final = 1024 * 1024
LINE_OF_THE_HOST: Final = 8000
OVER_HTTP: Final = ("crl", "ca", "ocsp", "scep", "certsrv")
_OF_THE_HOP: Final = {
    "connection",
    "keep-alive",
    "transfer-encoding",
    "upgrade",
    "te",
    "trailer",
    "host",
    "expect",
}
_SECONDS: Final = 120
_HOST: Final = web.AppKey("host", str)
_SESSION: Final = web.AppKey("session", ClientSession)


def make(host: str) -> web.Application:
    """The front of the Functions host at `host`, such as http://127.0.0.1:8081."""
    application = web.Application(client_max_size=LARGEST_BODY)
    application[_HOST] = host
    application.cleanup_ctx.append(_with_session)
    application.router.add_route("*", "/{path:.*}", _serve)
    return application


def runner(application: web.Application) -> web.AppRunner:
    """With the limits of this front."""
    limit = LONGEST_LINE + 1024  # what is longer by less is answered by us, with 414
    return web.AppRunner(application, max_line_size=limit, auto_decompress=False, access_log=None)


async def _with_session(application: web.Application) -> AsyncIterator[None]:
    session = ClientSession(
        timeout=ClientTimeout(total=_SECONDS),
        auto_decompress=False,
        cookie_jar=DummyCookieJar(),
        trust_env=False,
    )
    application[_SESSION] = session
    yield
    await session.close()


async def _serve(request: web.Request) -> web.Response:
    line = len(request.method) + len(request.raw_path) + len(" HTTP/1.1 ")
    if line > LONGEST_LINE:
        return web.Response(status=414)
    if _is_secret(request.raw_path) and request.headers.get("X-Forwarded-Proto", "").lower() != "https":
        return web.Response(status=403, text="Use https for this address.\n")
    method, path, body = request.method, request.raw_path, await request.read()
    if line > LINE_OF_THE_HOST:
        try:
            method, path, body = "POST", f"{path.partition('?')[0]}?operation=PKIOperation", _message(request)
        except MalformedMessage as error:
            return web.Response(status=414, text=f"{error.public}\n")
    return await _ask(request, method, path, body)


def _message(request: web.Request) -> bytes:
    """The message of a GET that is too long for the host. Raises MalformedMessage where it is none."""
    operation = (query_parameter(request.raw_path, "operation") or b"").lower()
    value = query_parameter(request.raw_path, "message") or b""
    if request.method != "GET" or operation != b"pkioperation" or not value:
        raise MalformedMessage(
            "a long request line that is no PKIOperation", public="The request is too long."
        )
    return decode_message(value)


async def _ask(request: web.Request, method: str, path: str, body: bytes) -> web.Response:
    url = URL(f"{request.app[_HOST]}{path}", encoded=True)
    headers = _headers(request.headers, request.remote or "")
    try:
        async with request.app[_SESSION].request(
            method, url, data=body or None, headers=headers, allow_redirects=False
        ) as answer:
            told = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_HOP}
            return web.Response(status=answer.status, headers=told, body=await answer.read())
    except (ClientError, TimeoutError):
        return web.Response(status=503, headers={"Retry-After": "5"})


def _headers(given: Mapping[str, str], source: str) -> dict[str, str]:
    """What goes on: without what belongs to this connection, or what only a platform may say."""
    kept = {
        name: value
        for name, value in given.items()
        if name.lower() not in _OF_THE_HOP | {"content-length"}
        and not name.lower().startswith("x-ms-client-principal")
    }
    before = given.get("X-Forwarded-For", "")
    return kept | {"X-Forwarded-For": f"{before}, {source}" if before else source}


def _is_secret(path: str) -> bool:
    return path.lstrip("/").partition("?")[0].split("/")[0].lower() not in OVER_HTTP


async def main() -> None:
    """Until it is stopped."""
    running = runner(make(os.environ.get("FRONT_HOST", "http://127.0.0.1:8081")))
    await running.setup()
    await web.TCPSite(running, "0.0.0.0", int(os.environ.get("FRONT_PORT", "8080"))).start()  # noqa: S104 - a pod's
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
