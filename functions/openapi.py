"""`GET /openapi.json`: the public API for callers and devices (OpenAPI 3.1), its schemas those of the code."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import azure.functions as func

from functions.answers import answer
from shared.pfx.imported_request import PFXOrder
from shared.pfx.order import PKCSOrder

blueprint = func.Blueprint()

_TEXT = {"content": {"text/plain": {"schema": {"type": "string"}}}}
_Security = list[dict[str, list[str]]]
_CALLER: _Security = [{"callerSecret": []}]
_DELIVERY: _Security = [{"deliveryKey": []}]
_ERRORS = {
    "400": "The body or one of its fields is wrong; the text names it.",
    "403": "The secret or key is not known, or the profile does not allow what is asked for.",
    "404": "There is no such order or delivery.",
    "409": "The id was used before, for something else.",
    "429": "The caller orders more often than it may; see Retry-After.",
    "503": "Storage or a key is away; see Retry-After.",
}


@blueprint.function_name("openapi")
@blueprint.route("openapi.json", methods=["GET"])
def openapi(req: func.HttpRequest) -> func.HttpResponse:
    """The description; public, and the same for everybody."""
    return answer(lambda: func.HttpResponse(_written(), mimetype="application/json"))


@lru_cache(maxsize=1)
def _written() -> str:
    return json.dumps(describe(), indent=1)


def describe() -> dict[str, Any]:
    """The description as a document."""
    schemas: dict[str, Any] = {}
    for order in (PKCSOrder, PFXOrder):
        schema = order.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= schema.pop("$defs", {}) | {order.__name__: schema}
    schemas |= {"OrderState": _ORDER_STATE, "PFXRequestState": _REQUEST_STATE}
    schemas |= {"Delivery": {"oneOf": [_DELIVERED, _IMPORTED]}}
    bearer = {"type": "http", "scheme": "bearer"}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Scepter: what is delivered as a PFX", "version": "1"},
        "paths": _paths(),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "callerSecret": bearer | {"description": "The secret of a caller of the policy file."},
                "deliveryKey": bearer
                | {"description": "The key of one delivery, from the answer to its order."},
            },
        },
    }


def _paths() -> dict[str, Any]:
    state = _json("How the order stands.", "OrderState")
    order = {"required": True, "content": {"application/json": {"schema": _ref("PKCSOrder")}}}
    begun = _json("How the request stands.", "PFXRequestState")
    wanted = {"required": True, "content": {"application/json": {"schema": _ref("PFXOrder")}}}
    acknowledge = {"200": {"description": "Its content is gone.", **_TEXT}}
    return {
        "/pkcs/requests": {
            "post": _operation("Order a key", _CALLER, {"200": state, "202": state}, "400 403 409 429 503")
            | {"requestBody": order}
        },
        "/pkcs/requests/{id}": {
            "parameters": [_ID],
            "get": _operation(
                "How an order stands, with a key to its delivery", _CALLER, {"200": state}, "403 404 503"
            ),
        },
        "/pfx/requests": {
            "post": _operation(
                "Ask for imported PFX files", _CALLER, {"200": begun, "202": begun}, "400 403 429 503"
            )
            | {"requestBody": wanted}
        },
        "/pfx/requests/{id}": {
            "parameters": [_ID],
            "get": _operation(
                "How a request stands, with a key to its delivery", _CALLER, {"200": begun}, "403 404 503"
            ),
        },
        "/deliveries/{id}": {
            "parameters": [_ID],
            "get": _operation(
                "Fetch a delivery", _DELIVERY, {"200": _json("The delivery.", "Delivery")}, "403 404 503"
            ),
            "delete": _operation("Acknowledge a delivery", _DELIVERY, acknowledge, "403 404 503"),
        },
        "/deliveries/{id}/ack": {
            "parameters": [_ID],
            "post": _operation("Acknowledge a delivery", _DELIVERY, acknowledge, "403 404 503"),
        },
    }


def _operation(summary: str, security: _Security, answers: dict[str, Any], errors: str) -> dict[str, Any]:
    refusals = {status: {"description": _ERRORS[status], **_TEXT} for status in errors.split()}
    return {"summary": summary, "security": security, "responses": answers | refusals}


def _json(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref(schema)}}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _object(required: str, **properties: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON schema
    return {"type": "object", "required": required.split(), "properties": properties}


_STRING = {"type": "string"}
_BASE64 = {"type": "string", "contentEncoding": "base64"}
_ID = {"name": "id", "in": "path", "required": True, "schema": _STRING}
_ORDER_STATE = _object(
    "version id kind caller profile state delivery key status",
    version={"const": 1},
    id=_STRING,
    kind={"const": "pkcs"},
    caller=_STRING,
    profile=_STRING,
    state={"enum": ["accepted", "delivered", "failed"]},
    serial=_STRING,
    reason=_STRING,
    delivery=_STRING,
    key=_STRING,
    status=_STRING,
)
_DELIVERED = _object(
    "version kind id profile encoding serial notAfter certificate pfx recipient password",
    version={"const": 1},
    kind={"const": "pkcs"},
    id=_STRING,
    profile=_STRING,
    encoding={"enum": ["modern", "legacy"]},
    serial=_STRING,
    notAfter={"type": "string", "format": "date-time"},
    certificate=_BASE64,
    pfx=_BASE64,
    recipient=_object("", issuer=_STRING, serial=_STRING, keyIdentifier=_STRING),
    password={
        "type": "array",
        "items": _object("form data", form={"enum": ["rsa-oaep-256", "cms", "cms-pkcs1"]}, data=_BASE64),
    },
)
_CERTIFICATES = {
    "type": "array",
    "items": _object("thumbprint purpose failure", thumbprint=_STRING, purpose=_STRING, failure=_STRING),
}
_REQUEST_STATE = _object(
    "id state status delivery key",
    id=_STRING,
    caller=_STRING,
    state={"enum": ["begun", "delivered", "failed"]},
    user=_STRING,
    device=_STRING,
    recipient=_STRING,
    certificates=_CERTIFICATES,
    failure=_STRING,
    begunAt={"type": "string", "format": "date-time"},
    endedAt={"type": ["string", "null"], "format": "date-time"},
    status=_STRING,
    delivery=_STRING,
    key=_STRING,
)
_IMPORTED = _object(
    "version kind request user device recipient items failures",
    version={"const": 1},
    kind={"const": "importedPfx"},
    request=_STRING,
    user=_STRING,
    device=_STRING,
    recipient=_STRING,
    items={
        "type": "array",
        "items": _object(
            "thumbprint purpose pfx encryptedPassword",
            thumbprint=_STRING,
            purpose=_STRING,
            pfx=_BASE64,
            encryptedPassword=_BASE64,
        ),
    },
    failures={
        "type": "array",
        "items": _object("thumbprint purpose reason", thumbprint=_STRING, purpose=_STRING, reason=_STRING),
    },
)
