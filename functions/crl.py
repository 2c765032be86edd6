"""The management API of the CRLs: what stands published, and the comparison with the records."""

from __future__ import annotations

from dataclasses import asdict

import azure.functions as func

from functions.answers import answer, document
from functions.authorisation import authorise
from shared.errors import StoreUnavailable
from shared.revocation.overview import PublishedCRL
from shared.wiring import application

blueprint = func.Blueprint()


@blueprint.function_name("show_crls")
@blueprint.route("manage/crl", methods=["GET"])
def show_crls(req: func.HttpRequest) -> func.HttpResponse:
    """Every CRL of the issuer: number, entries, size, times."""
    return answer(lambda: _show(req))


@blueprint.function_name("reconcile_crl_now")
@blueprint.route("manage/crl/reconciliation", methods=["POST"])
def reconcile_crl_now(req: func.HttpRequest) -> func.HttpResponse:
    """Compare all records with the CRL, mend what differs and publish; what was done, by serial number."""
    return answer(lambda: _reconcile(req))


def _show(req: func.HttpRequest) -> func.HttpResponse:
    authorise(req)
    found = application().crl_overview()
    if found is None:
        raise StoreUnavailable("no CRL is published yet")
    body = {
        "cursor": found.cursor.isoformat(),
        "shardCounts": list(found.counts),
        "crls": [_as_json(each) for each in found.crls],
    }
    return document(200, body)


def _as_json(crl: PublishedCRL) -> dict[str, object]:
    return {
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
    return document(200, asdict(application().reconciler.run()))
