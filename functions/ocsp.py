"""OCSP over HTTP (RFC 6960 appendix A, RFC 5019): POST, and GET in every form that clients really send.

Whatever the responder says, that it cannot answer too, is an OCSP response with HTTP status 200.
"""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from urllib.parse import unquote_to_bytes

import azure.functions as func

from functions.admission import take_place
from functions.answers import text
from shared.errors import MalformedMessage
from shared.revocation.responder import OCSPResponse, failure
from shared.scep.transport import decode_message
from shared.wiring import Application, application
from shared.x509.ocsp import MAX_REQUEST

blueprint = func.Blueprint()

_MEDIA_TYPE = "application/ocsp-response"
_ROUTE = "ocsp"


@blueprint.function_name("ocsp")
@blueprint.route("ocsp/{*rest}", methods=["GET", "HEAD", "POST"])
async def ocsp(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """`POST /ocsp` with a request in DER, or `GET /ocsp/{request in base64}`."""
    return await serve(req, context)


async def serve(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """On threads of its own, so that neither it nor all else waits for the other; tryLater where there is no place."""
    try:
        app = application()
        work = take_place(app.ocsp_admission, app.ocsp_threads, context, partial(_serve, req, app))
    except Exception as error:  # noqa: BLE001 - it is in the log
        return _rendered(failure(error))
    return await asyncio.wrap_future(work)


def _serve(req: func.HttpRequest, app: Application) -> func.HttpResponse:
    posted = req.method == "POST"
    if posted and not req.get_body() and "chunked" in req.headers.get("transfer-encoding", "").lower():
        return text(411, "Send the request with a Content-Length.")
    try:
        answer = app.ocsp.answer(req.get_body() if posted else message_of(req.url), app.clock())
    except Exception as error:  # noqa: BLE001 - it is in the log
        return _rendered(failure(error))
    if posted or answer.fresh is None:
        return _rendered(answer)
    return _rendered(answer, _caching(answer.der, *answer.fresh, app))


def message_of(url: str) -> bytes:
    """The request in a GET. The raw path is read: what the platform makes of it may have lost slashes or `+`.

    Raises MalformedMessage.
    """
    path = url.partition("://")[2].partition("/")[2].partition("?")[0].lstrip("/")
    # Some put a slash more between address and request; base64 of DER never begins with one.
    value = unquote_to_bytes(path[len(_ROUTE) :]).lstrip(b"/")
    if len(value) > 2 * MAX_REQUEST:
        raise MalformedMessage("an OCSP request of absurd size")
    return decode_message(value)


def _caching(der: bytes, since: datetime, until: datetime, app: Application) -> dict[str, str]:
    """What RFC 5019 6.2 wants, with a max-age that does not hide a revocation for long."""
    left = (until - app.clock()) - timedelta(seconds=1)
    age = max(0, min(app.settings.ocsp_max_age, int(left.total_seconds())))
    return {
        "Cache-Control": f"max-age={age}, public, no-transform, must-revalidate",
        "ETag": f'"{hashlib.sha256(der).hexdigest()}"',
        "Last-Modified": format_datetime(since, usegmt=True),
        "Expires": format_datetime(until, usegmt=True),
    }


def _rendered(answer: OCSPResponse, headers: dict[str, str] | None = None) -> func.HttpResponse:
    return func.HttpResponse(
        answer.der, headers=headers or {"Cache-Control": "no-store"}, mimetype=_MEDIA_TYPE
    )
