"""What relying parties fetch: CA certificates at the AIA URL, the CRL at the CDP URL."""

from __future__ import annotations

import re

import azure.functions as func

from functions.answers import answer, text
from shared.wiring import application

blueprint = func.Blueprint()

MEDIA_TYPES = {
    ".crl": "application/pkix-crl",
    ".cer": "application/pkix-cert",
    ".p7c": "application/pkcs7-mime",
    ".pem": "application/x-pem-file",
}
# A CRL may change at any time; a CA certificate changes with its CA.
_CACHE = {"crl": "public, max-age=300", "ca": "public, max-age=86400"}
_NAME = re.compile(r"[0-9a-f]{16}(-chain)?\.(crl\.pem|crl|cer|pem|p7c)")


@blueprint.function_name("crl")
@blueprint.route("crl/{name}", methods=["GET", "HEAD"])
def crl(req: func.HttpRequest) -> func.HttpResponse:
    """The full CRL of an issuer, DER or PEM."""
    return answer(lambda: _published("crl", req.route_params["name"]))


@blueprint.function_name("ca")
@blueprint.route("ca/{name}", methods=["GET", "HEAD"])
def ca(req: func.HttpRequest) -> func.HttpResponse:
    """A CA certificate (.cer DER, .pem) or chain (-chain.pem, -chain.p7c)."""
    return answer(lambda: _published("ca", req.route_params["name"]))


def _published(folder: str, name: str) -> func.HttpResponse:
    if not _NAME.fullmatch(name):
        return text(404, "No such publication.")
    found = application().publications.read(f"{folder}/{name}")
    if found is None:
        return text(404, "Not published yet.")
    media_type = MEDIA_TYPES[name[name.rindex(".") :]]
    headers = {"Cache-Control": _CACHE[folder], "ETag": found.etag}
    return func.HttpResponse(found.data, headers=headers, mimetype=media_type)
