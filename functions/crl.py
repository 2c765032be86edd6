"""The management API of the CRLs: what stands published, and the comparison with the records."""

from __future__ import annotations

from dataclasses import asdict, fields

import azure.functions as func

from functions.answers import answer, document
from functions.authorisation import authorise
from shared.errors import StoreUnavailable
from shared.revocation.overview import PublishedCRL
from shared.revocation.reconciliation import Reconciled
from shared.wiring import application

blueprint = func.Blueprint()
KINDS = tuple(field.name for field in fields(Reconciled))


@blueprint.function_name("show_crls")
@blueprint.route("manage/crl", methods=["GET"])
def show_crls(req: func.HttpRequest) -> func.HttpResponse:
    """Every CRL of every issuer: number, entries, size, times."""
    return answer(lambda: _show(req))


@blueprint.function_name("reconcile_crl_now")
@blueprint.route("manage/crl/reconciliation", methods=["POST"])
def reconcile_crl_now(req: func.HttpRequest) -> func.HttpResponse:
    """Compare all records with the CRL, mend what differs and publish; what was done, by serial number."""
    return answer(lambda: _reconcile(req))


def _show(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    found = application().crl_overview()
    if not found:
        raise StoreUnavailable("no CRL is published yet")
    body = {
        "cursor": min(each.cursor for each in found.values()).isoformat(),
        "shardCounts": sorted({count for each in found.values() for count in each.counts}),
        "crls": [_as_json(issuer, crl) for issuer, each in found.items() for crl in each.crls],
    }
    return document(200, body)


def _as_json(issuer: str, crl: PublishedCRL) -> dict[str, object]:
    return {
        "issuer": issuer,
        "url": crl.url,
        "number": crl.number,
        "base": crl.base,
        "entries": crl.entries,
        "bytes": crl.size,
        "thisUpdate": crl.this_update.isoformat(),
        "nextUpdate": crl.next_update.isoformat(),
    }


def _reconcile(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    done = [asdict(each) for each in application().reconcile().values()]
    return document(200, {kind: [found for each in done for found in each[kind]] for kind in KINDS})
