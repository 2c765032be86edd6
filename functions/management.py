"""The management API: what `manage.py` and the console call. JSON in, JSON out; every call is authorised."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import azure.functions as func
from pydantic import Field

from functions.answers import answer, document
from functions.authorisation import authorise
from functions.bodies import Body, read
from functions.records import as_json
from shared.errors import UnknownCertificate
from shared.store.ports import CertificateRecord
from shared.wiring import Application, application

blueprint = func.Blueprint()

_USUAL_ROWS, _MOST_ROWS = 100, 1000


class RevocationOrder(Body):
    """Body of a revocation: an RFC 5280 reason and a note for the record."""

    reason: str = "unspecified"
    note: str = Field(default="", max_length=500)


@blueprint.function_name("list_certificates")
@blueprint.route("manage/certificates", methods=["GET"])
def list_certificates(req: func.HttpRequest) -> func.HttpResponse:
    """`?owner=device:<id>` or `user:<upn>`, `?limit=`: records, newest end of life last."""
    return answer(lambda: _list(req))


@blueprint.function_name("show_certificate")
@blueprint.route("manage/certificates/{serial}", methods=["GET"])
def show_certificate(req: func.HttpRequest) -> func.HttpResponse:
    """One record by serial."""
    return answer(lambda: _show(req))


@blueprint.function_name("change_revocation")
@blueprint.route("manage/certificates/{serial}/revocation", methods=["PUT", "DELETE"])
def change_revocation(req: func.HttpRequest) -> func.HttpResponse:
    """PUT a RevocationOrder to revoke or hold; DELETE to lift a hold."""
    return answer(lambda: _change(req))


@blueprint.function_name("publish_crl")
@blueprint.route("manage/crl", methods=["POST"])
def publish_crl(req: func.HttpRequest) -> func.HttpResponse:
    """Publish the next CRL now, and the CA certificates with it; returns its number."""
    return answer(lambda: _publish(req))


def _list(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    app = application()
    asked = req.params.get("limit", "")
    limit = min(int(asked) if asked.isdecimal() else _USUAL_ROWS, _MOST_ROWS)
    owner = req.params.get("owner")
    records = _of_owner(app, owner.lower()) if owner else app.all_records()
    return document(200, {"certificates": [as_json(record) for record in itertools.islice(records, limit)]})


def _of_owner(app: Application, owner: str) -> Iterator[CertificateRecord]:
    found = (app.records.find(claim.issuer, claim.serial) for claim in app.records.owned_by(owner))
    return (record for record in found if record is not None)


def _show(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    return document(200, as_json(_find(req), with_certificate=True))


def _change(req: func.HttpRequest) -> func.HttpResponse:
    principal = authorise(req)
    app = application()
    found = _find(req)
    if req.method == "DELETE":
        return document(200, as_json(app.revocations.lift(found.issuer, found.serial)))
    order = read(req, RevocationOrder)
    record = app.revocations.revoke(found.issuer, found.serial, order.reason, by=principal, note=order.note)
    return document(200, as_json(record))


def _publish(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    numbers = application().publish()
    return document(200, {"number": max(numbers.values(), default=0), "numbers": numbers})


def _find(req: func.HttpRequest) -> CertificateRecord:
    record = application().find_record(_serial(req))
    if record is None:
        raise UnknownCertificate(f"no certificate {_serial(req)} on record")
    return record


def _serial(req: func.HttpRequest) -> str:
    serial = str(req.route_params["serial"]).lower()
    if not serial or len(serial) > 40 or not set(serial) <= set("0123456789abcdef"):
        raise UnknownCertificate("not a serial number")
    return serial
