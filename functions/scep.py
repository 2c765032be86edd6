"""SCEP over HTTP (RFC 8894 4): the four operations at every path that clients use."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import azure.functions as func

from functions.admission import admit
from functions.answers import binary, text
from functions.origin import agent_of, source_of
from shared.errors import MalformedMessage
from shared.policy.profile import Profile
from shared.scep.capabilities import capabilities
from shared.scep.ports import UNTRACED, Timeline
from shared.scep.transport import decode_message, query_parameter
from shared.wiring import Application, application

blueprint = func.Blueprint()
log = logging.getLogger("scepter.scep")

_MESSAGE = "application/x-pki-message"
_CA_CERTIFICATES = "application/x-x509-ca-ra-cert"
_NEXT_CA = "application/x-x509-next-ca-cert"


@blueprint.function_name("scep")
@blueprint.route("scep/{profile}/{*rest}", methods=["GET", "POST"])
async def scep(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """`/scep/{profile}`, with or without `/pkiclient.exe`; further segments are ignored."""
    return await serve(req, context, lambda: req.route_params["profile"])


@blueprint.function_name("scep_ndes")
@blueprint.route("certsrv/mscep/mscep.dll/{*rest}", methods=["GET", "POST"])
async def scep_ndes(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """NDES's own path; the profile is the setting SCEPTER_DEFAULT_PROFILE."""
    return await serve(req, context, lambda: application().settings.default_profile)


async def serve(req: func.HttpRequest, context: func.Context, name: Callable[[], str]) -> func.HttpResponse:
    """Any operation on the profile that `name()` gives; those that may issue need a place."""
    operation = (query_parameter(req.url, "operation") or b"").decode("ascii", "replace").lower()
    call = partial(_serve, req, operation, name)
    return await admit(req, context, call, limited=operation == "pkioperation")


def _serve(req: func.HttpRequest, operation: str, named: Callable[[], str]) -> func.HttpResponse:
    app, name = application(), named()
    # %a and a limit: all of these are strangers' words, and a log line stays one line.
    log.info(
        "%s %.66a operation=%.34a from=%.66a agent=%.82a",
        req.method,
        name,
        operation,
        source_of(req, app.settings.trusted_proxies),
        agent_of(req),
    )
    profile = app.profiles.profiles.get(name)
    if profile is None:
        return text(404, "No such profile.")
    if profile.challenge == "pkcs":
        return text(404, "This profile is not for SCEP: its keys are made here, on an order.")
    if operation == "getcacaps":
        with _prelude(req, app, name, "caps"):
            next_ca = app.authorities.successor(name, app.clock()) is not None
            return text(200, capabilities(allow_legacy=profile.legacy_algorithms, next_ca=next_ca))
    if operation == "getcacert":
        with _prelude(req, app, name, "ca-certificate"):
            return binary(app.ca_certificates(name), _CA_CERTIFICATES)
    if operation == "getnextcacert":
        message = app.next_ca(name)
        return binary(message, _NEXT_CA) if message else text(404, "The next CA is not known yet.")
    if operation == "pkioperation":
        return _pki_operation(req, app, profile)
    return text(403, "No such operation.")  # as NDES answers


def _pki_operation(req: func.HttpRequest, app: Application, profile: Profile) -> func.HttpResponse:
    limit = app.settings.max_message_kib * 1024
    if req.method == "POST":
        message = req.get_body()
        if not message and "chunked" in req.headers.get("transfer-encoding", "").lower():
            return text(411, "Send the message with a Content-Length.")
        if len(message) > limit:
            return text(413, "The message is too large.")
    else:
        value = query_parameter(req.url, "message")
        if not value:
            raise MalformedMessage("PKIOperation by GET without a message", public="The message is missing.")
        if len(value) > limit * 3 // 2:
            return text(414, "The message is too large for a GET; use POST.")
        message = decode_message(value)
    if not message:
        raise MalformedMessage("PKIOperation without a message", public="The message is missing.")
    with _traced(req, app, profile) as timeline:
        return binary(app.scep.pki_operation(message, profile, now=app.clock(), timeline=timeline), _MESSAGE)


def _prelude(
    req: func.HttpRequest, app: Application, profile: str, step: str
) -> AbstractContextManager[None]:
    """Where a question is noted that may come before a transaction."""
    if app.recorder is None:
        return nullcontext()
    source = source_of(req, app.settings.trusted_proxies)
    return app.recorder.preludes.step((source, agent_of(req), profile), step)


def _traced(req: func.HttpRequest, app: Application, profile: Profile) -> AbstractContextManager[Timeline]:
    """Where this exchange is noted, if traces are made at all."""
    if app.recorder is None:
        return nullcontext(UNTRACED)
    source = source_of(req, app.settings.trusted_proxies)
    return app.recorder.transaction(profile=profile.name, source=source, agent=agent_of(req))
