"""`/manage/parcels`, `/manage/import-keys`: imported PFX on record, and the keys their passwords are sealed to."""

from __future__ import annotations

from itertools import islice

import azure.functions as func
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import Field

from functions import pfx
from functions.answers import answer, document, text
from functions.authorisation import authorise
from functions.bodies import Body, read
from shared.errors import MalformedMessage
from shared.pfx.import_keys import PADDING, ImportKey
from shared.pfx.parcel_order import ParcelOrder, body_limit, too_large
from shared.store.parcels import Parcel
from shared.wiring import application

blueprint = func.Blueprint()

_USUAL_ROWS, _MOST_ROWS, _MOST_REKEYED = 100, 1000, 50


class RekeyOrder(Body):
    """How many parcels to move to the current key now, and after which user to go on."""

    most: int = Field(default=_MOST_REKEYED, ge=1, le=_MOST_REKEYED)
    start: str = Field(default="", max_length=256)


@blueprint.function_name("list_import_keys")
@blueprint.route("manage/import-keys", methods=["GET"])
def list_import_keys(req: func.HttpRequest) -> func.HttpResponse:
    """The current key in PEM and what it takes; with `?count=1` also how many parcels are sealed to each key."""
    return answer(lambda: _keys(req))


@blueprint.function_name("import_parcel")
@blueprint.route("manage/parcels", methods=["POST"])
def import_parcel(req: func.HttpRequest) -> func.HttpResponse:
    """Body a ParcelDocument; 201 with the parcel, 200 if it was there already."""
    return answer(lambda: _import(req))


@blueprint.function_name("list_parcels")
@blueprint.route("manage/parcels", methods=["GET"])
def list_parcels(req: func.HttpRequest) -> func.HttpResponse:
    """`?user=`, `?thumbprint=`, `?failing=1`, `?limit=`: what is on record, by user and thumbprint."""
    return answer(lambda: _list(req))


@blueprint.function_name("remove_parcel")
@blueprint.route("manage/parcels", methods=["DELETE"])
def remove_parcel(req: func.HttpRequest) -> func.HttpResponse:
    """`?user=`, `?thumbprint=`: forget a parcel and its PFX."""
    return answer(lambda: _remove(req))


@blueprint.function_name("rekey_parcels")
@blueprint.route("manage/parcels/rekey", methods=["POST"])
def rekey_parcels(req: func.HttpRequest) -> func.HttpResponse:
    """POST a RekeyOrder; how many were moved, which could not be, and `next` to start at. Call until it is empty."""
    return answer(lambda: _rekey(req))


@blueprint.function_name("list_pfx_requests")
@blueprint.route("manage/pfx-requests", methods=["GET"])
def list_pfx_requests(req: func.HttpRequest) -> func.HttpResponse:
    """`?caller=`, `?state=`, `?limit=`: requests for deliveries, and what became of them."""
    return answer(lambda: _list_requests(req))


def _keys(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app = application()
    counts = app.parcels.count_by_key() if req.params.get("count") else []
    listed = [
        {"name": name, "version": version, "known": key is not None, "parcels": count}
        for key, name, version, count in counts
    ]
    current = _key(app.import_keys.versions()[0])
    return document(200, {"current": current, "largestPfx": app.settings.largest_pfx, "keys": listed})


def _import(req: func.HttpRequest) -> func.HttpResponse:
    principal, app, body = authorise(req), application(), req.get_body()
    if not body and "chunked" in req.headers.get("transfer-encoding", "").lower():
        return text(411, "Send the parcel with a Content-Length.")
    if len(body) > body_limit(app.settings.largest_pfx):
        raise too_large(len(body) * 3 // 4, app.settings.largest_pfx)
    parcel, repeated = app.parcels.take(ParcelOrder.parse(body), by=principal)
    return document(200 if repeated else 201, as_json(parcel) | {"repeated": repeated})


def _list(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    store, user = application().parcel_store, req.params.get("user", "").lower()
    found = store.of_user(user) if user else store.all()
    thumbprint, failing = req.params.get("thumbprint", "").lower(), req.params.get("failing")
    chosen = (
        parcel
        for parcel in found
        if thumbprint in ("", parcel.thumbprint) and (parcel.failure or not failing)
    )
    return document(200, {"parcels": [as_json(parcel) for parcel in islice(chosen, _limit(req))]})


def _remove(req: func.HttpRequest) -> func.HttpResponse:
    principal = authorise(req)
    user, thumbprint = req.params.get("user", ""), req.params.get("thumbprint", "")
    if not user or not thumbprint:
        raise MalformedMessage("a parcel without user or thumbprint", public="Give user and thumbprint.")
    return document(200, as_json(application().parcels.remove(user, thumbprint, by=principal)))


def _rekey(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    order = read(req, RekeyOrder)
    done = application().parcels.rekey(order.start, order.most)
    failures = [
        {"user": parcel.user, "thumbprint": parcel.thumbprint, "reason": reason}
        for parcel, reason in done.failures
    ]
    return document(200, {"moved": done.moved, "failures": failures, "next": done.next})


def _list_requests(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    state = req.params.get("state")
    entries = application().pfx_requests.entries(req.params.get("caller"))
    chosen = (entry for entry in entries if state in (None, entry.state.value))
    return document(200, {"requests": [pfx.as_json(entry) for entry in islice(chosen, _limit(req))]})


def _limit(req: func.HttpRequest) -> int:
    asked = req.params.get("limit", "")
    return min(int(asked) if asked.isdecimal() else _USUAL_ROWS, _MOST_ROWS)


def _key(key: ImportKey) -> dict[str, object]:
    pem = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return {"name": key.name, "version": key.version, "publicKey": pem, "paddingScheme": PADDING}


def as_json(parcel: Parcel) -> dict[str, object]:
    """Plain values; times in ISO 8601. Neither password nor PFX, not even sealed."""
    return {
        "user": parcel.user,
        "thumbprint": parcel.thumbprint,
        "purpose": parcel.purpose.value,
        "subject": parcel.subject,
        "notBefore": parcel.not_before.isoformat(),
        "notAfter": parcel.not_after.isoformat(),
        "keyName": parcel.password.key,
        "keyVersion": parcel.password.version,
        "size": parcel.size,
        "importedAt": parcel.imported_at.isoformat(),
        "importedBy": parcel.imported_by,
        "failure": parcel.failure,
        "failedAt": parcel.failed_at and parcel.failed_at.isoformat(),
    }
