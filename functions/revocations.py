"""`/manage/revocations`, `/manage/parked`, `/manage/holds`: saying no by hand, and deciding on what the brake holds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import azure.functions as func
from pydantic import AwareDatetime, Field, model_validator

from functions.answers import answer, document
from functions.authorisation import authorise
from functions.bodies import Body, read
from functions.records import as_json
from shared.errors import UnknownCertificate
from shared.store.devices import ParkedEvent
from shared.store.ports import CertificateRecord, Claim
from shared.wiring import Application, application

blueprint = func.Blueprint()

_USUAL_ROWS, _MOST_ROWS, _MOST_AT_ONCE = 100, 1000, 200


class RevocationOrder(Body):
    """Whose certificates: one by serial or by thumbprint (SHA-1 or SHA-256, hexadecimal), or all of an owner."""

    serial: str = Field(default="", pattern="^[0-9a-fA-F]{0,40}$")
    thumbprint: str = Field(default="", pattern="^([0-9a-fA-F]{40}|[0-9a-fA-F]{64})?$")
    owner: str = Field(default="", pattern="^((device|user|subject):.{1,256})?$")
    reason: str = "unspecified"
    note: str = Field(default="", max_length=500)
    dry_run: bool = Field(default=False, alias="dryRun")

    @model_validator(mode="after")
    def _one(self) -> RevocationOrder:
        if sum(map(bool, (self.serial, self.thumbprint, self.owner))) != 1:
            raise ValueError("give one of serial, thumbprint and owner")
        return self


class ParkedOrder(Body):
    """What is to become of parked events, of one source or of all; so many at a time."""

    action: Literal["release", "discard"]
    source: str | None = None
    most: int = Field(default=_MOST_AT_ONCE, ge=1, le=_MOST_AT_ONCE)


class UndoOrder(Body):
    """Which holds to lift: those that events of `source` placed since then; so many at a time."""

    source: str
    since: AwareDatetime
    most: int = Field(default=_MOST_AT_ONCE, ge=1, le=_MOST_AT_ONCE)


@blueprint.function_name("revoke_certificates")
@blueprint.route("manage/revocations", methods=["POST"])
def revoke_certificates(req: func.HttpRequest) -> func.HttpResponse:
    """POST a RevocationOrder; the records as they are afterwards, with `dryRun` as they are now."""
    return answer(lambda: _revoke(req))


@blueprint.function_name("list_parked")
@blueprint.route("manage/parked", methods=["GET"])
def list_parked(req: func.HttpRequest) -> func.HttpResponse:
    """`?source=`, `?limit=`: events that the brake holds back."""
    return answer(lambda: _list_parked(req))


@blueprint.function_name("decide_parked")
@blueprint.route("manage/parked", methods=["POST"])
def decide_parked(req: func.HttpRequest) -> func.HttpResponse:
    """POST a ParkedOrder; how many it was done to. Call again until it is none."""
    return answer(lambda: _decide_parked(req))


@blueprint.function_name("undo_holds")
@blueprint.route("manage/holds/undo", methods=["POST"])
def undo_holds(req: func.HttpRequest) -> func.HttpResponse:
    """POST an UndoOrder; the serials that are good again. Call again until there are none."""
    return answer(lambda: _undo(req))


def _revoke(req: func.HttpRequest) -> func.HttpResponse:
    principal, app, order = authorise(req), application(), read(req, RevocationOrder)
    if order.owner:
        records = list(_of_owner(app, order, principal))
    else:
        serial = order.serial.lower() or _by_thumbprint(app, order.thumbprint.lower())
        records = [_one(app, serial, order, principal)]
    return document(200, {"certificates": [as_json(record) for record in records]})


def _one(app: Application, serial: str, order: RevocationOrder, principal: str) -> CertificateRecord:
    record = app.find_record(serial)
    if record is None:
        raise UnknownCertificate(f"no certificate {serial} on record")
    if order.dry_run:
        return record
    return app.revocations.revoke(record.issuer, serial, order.reason, by=principal, note=order.note)


def _of_owner(app: Application, order: RevocationOrder, principal: str) -> Iterator[CertificateRecord]:
    """What is promised and not signed yet is revoked too: an enrolment in flight loses."""
    claims: list[Claim] = list(app.records.owned_by(order.owner.lower()))
    if not claims:
        raise UnknownCertificate(f"no certificate of {order.owner} on record")
    for claim in claims:
        if not order.dry_run:
            yield app.revocations.revoke_claim(claim, order.reason, by=principal, note=order.note)
        elif (record := app.records.find(claim.issuer, claim.serial)) is not None:
            yield record


def _by_thumbprint(app: Application, thumbprint: str) -> str:
    """A scan: thumbprints are for people, and have no index."""
    found = next((one for one in app.all_records() if one.has_thumbprint(thumbprint)), None)
    if found is None:
        raise UnknownCertificate(f"no certificate with thumbprint {thumbprint} on record")
    return found.serial


def _list_parked(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    asked = req.params.get("limit", "")
    limit = min(int(asked) if asked.isdecimal() else _USUAL_ROWS, _MOST_ROWS)
    found = islice(application().parked.all(req.params.get("source")), limit)
    return document(200, {"events": [_parked(event) for event in found]})


def _decide_parked(req: func.HttpRequest) -> func.HttpResponse:
    principal, app, order = authorise(req), application(), read(req, ParkedOrder)
    if order.action == "release":
        count = app.parked.release(order.source, order.most)
    else:
        count = app.parked.discard(order.source, order.most, by=principal)
    return document(200, {"count": count})


def _undo(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    order = read(req, UndoOrder)
    lifted = islice(application().holds.undo(order.source, order.since), order.most)
    return document(200, {"serials": [hold.serial for hold in lifted]})


def _parked(event: ParkedEvent) -> dict[str, object]:
    return {
        "source": event.source,
        "id": event.id,
        "type": event.type,
        "owner": event.owner,
        "parkedAt": event.parked_at.isoformat(),
    }
