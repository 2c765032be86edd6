"""What relying parties fetch: CA certificates at the AIA URL, CRLs at the CDP and freshest-CRL URLs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

import azure.functions as func

from functions.answers import answer, text
from shared.revocation.published import freshness
from shared.store.ports import PublicationStatus, PublishedObject
from shared.wiring import application

blueprint = func.Blueprint()

MEDIA_TYPES = {
    ".crl": "application/pkix-crl",
    ".cer": "application/pkix-cert",
    ".p7c": "application/pkcs7-mime",
    ".pem": "application/x-pem-file",
}
_ISSUER = "[0-9a-f]{16}"
_CRL = re.compile(rf"{_ISSUER}(-delta)?\.crl(\.pem)?")
_SHARD = re.compile(rf"{_ISSUER}/[0-9]{{1,3}}-[0-9]{{1,3}}(-delta)?\.crl(\.pem)?")
_CA = re.compile(rf"{_ISSUER}((-{_ISSUER})?\.cer|(-chain|-{_ISSUER})?\.pem|-chain\.p7c)")


@blueprint.function_name("crl")
@blueprint.route("crl/{name}", methods=["GET", "HEAD"])
def crl(req: func.HttpRequest) -> func.HttpResponse:
    """The full CRL of an issuer, or its delta; DER or PEM."""
    return answer(lambda: _published(req, "crl", req.route_params["name"], _CRL))


@blueprint.function_name("crl_shard")
@blueprint.route("crl/{issuer}/{name}", methods=["GET", "HEAD"])
def crl_shard(req: func.HttpRequest) -> func.HttpResponse:
    """A shard of an issuer's CRL, or its delta; DER or PEM."""
    name = f"{req.route_params['issuer']}/{req.route_params['name']}"
    return answer(lambda: _published(req, "crl", name, _SHARD))


@blueprint.function_name("ca")
@blueprint.route("ca/{name}", methods=["GET", "HEAD"])
def ca(req: func.HttpRequest) -> func.HttpResponse:
    """A CA certificate (.cer DER, .pem), cross-certificate (-{who gave it}.cer) or chain (-chain.pem, -chain.p7c)."""
    return answer(lambda: _published(req, "ca", req.route_params["name"], _CA))


def _published(req: func.HttpRequest, folder: str, name: str, names: re.Pattern[str]) -> func.HttpResponse:
    if not names.fullmatch(name):
        return text(404, "No such publication.")
    store, now = application().publications, application().clock()
    if _asks_for_news(req.headers):
        status = store.stat(f"{folder}/{name}")
        if status is not None and _has_it(req.headers, status):
            return func.HttpResponse(status_code=304, headers=_headers(folder, status, now))
    found = store.read(f"{folder}/{name}")
    if found is None:
        return text(404, "Not published yet.")
    media_type = MEDIA_TYPES[name[name.rindex(".") :]]
    return func.HttpResponse(found.data, headers=_headers(folder, found, now), mimetype=media_type)


def _asks_for_news(headers: Mapping[str, str]) -> bool:
    return "if-none-match" in headers or "if-modified-since" in headers


def _has_it(headers: Mapping[str, str], status: PublicationStatus) -> bool:
    """RFC 9110 13.2.2: a date counts only where no ETag is given."""
    known = headers.get("if-none-match")
    if known is not None:
        tags = [tag.strip().removeprefix("W/") for tag in known.split(",")]
        return "*" in tags or status.etag.removeprefix("W/") in tags
    try:
        since = parsedate_to_datetime(headers.get("if-modified-since", ""))
    except ValueError:
        return False
    return since.tzinfo is not None and status.modified is not None and status.modified <= since


def _headers(folder: str, found: PublishedObject | PublicationStatus, now: datetime) -> dict[str, str]:
    """How long it may be kept: RFC 9111 by Cache-Control, older caches by Expires."""
    age = freshness(folder, found.metadata, now)
    headers = {
        "Cache-Control": f"public, max-age={int(age.total_seconds())}",
        "Expires": format_datetime((now + age).astimezone(UTC), usegmt=True),
        "ETag": found.etag,
    }
    if found.modified is not None:
        headers["Last-Modified"] = format_datetime(found.modified.astimezone(UTC), usegmt=True)
    return headers
