"""SCEP over HTTP (RFC 8894 4): the three operations at every path that clients use."""

from __future__ import annotations

import logging

import azure.functions as func

from functions.answers import answer, binary, text
from shared.errors import MalformedMessage
from shared.policy.profile import Profile
from shared.scep.capabilities import ca_certificates, capabilities
from shared.scep.transport import decode_message, query_parameter
from shared.wiring import Application, application

blueprint = func.Blueprint()
log = logging.getLogger("scepter.scep")

_MESSAGE = "application/x-pki-message"
_CA_CERTIFICATES = "application/x-x509-ca-ra-cert"


@blueprint.function_name("scep")
@blueprint.route("scep/{profile}/{*rest}", methods=["GET", "POST"])
def scep(req: func.HttpRequest) -> func.HttpResponse:
    """`/scep/{profile}`, with or without `/pkiclient.exe`; further segments are ignored."""
    return answer(lambda: _serve(req, req.route_params["profile"]))


@blueprint.function_name("scep_ndes")
@blueprint.route("certsrv/mscep/mscep.dll/{*rest}", methods=["GET", "POST"])
def scep_ndes(req: func.HttpRequest) -> func.HttpResponse:
    """NDES's own path; the profile is the setting SCEPTER_DEFAULT_PROFILE."""
    return answer(lambda: _serve(req, application().settings.default_profile))


def _serve(req: func.HttpRequest, name: str) -> func.HttpResponse:
    app = application()
    operation = (query_parameter(req.url, "operation") or b"").decode("ascii", "replace").lower()
    # %a and a limit: all of these are strangers' words, and a log line stays one line.
    log.info(
        "%s %.66a operation=%.34a from=%.66a agent=%.82a",
        req.method,
        name,
        operation,
        req.headers.get("x-forwarded-for", "-"),
        req.headers.get("user-agent", "-"),
    )
    profile = app.profiles.profiles.get(name)
    if profile is None:
        return text(404, "No such profile.")
    if operation == "getcacaps":
        return text(200, capabilities(allow_legacy=profile.legacy_algorithms))
    if operation == "getcacert":
        ra = app.ra.current(app.clock())
        return binary(
            ca_certificates(ra, app.issuer, with_root=app.settings.root_in_getcacert), _CA_CERTIFICATES
        )
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
    return binary(app.scep.pki_operation(message, profile, now=app.clock()), _MESSAGE)
