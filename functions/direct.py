"""`POST /manage/certificates`: a certificate for a request that an administrator hands over."""

from __future__ import annotations

import azure.functions as func

from functions.answers import answer, document
from functions.authorisation import authorise
from functions.records import as_json
from shared.asn1.pem import pem
from shared.ca.direct import MAX_ORDER_BYTES, DirectOrder
from shared.errors import MalformedMessage
from shared.wiring import application

blueprint = func.Blueprint()


@blueprint.function_name("issue_certificate")
@blueprint.route("manage/certificates", methods=["POST"])
def issue_certificate(req: func.HttpRequest) -> func.HttpResponse:
    """Body a DirectOrder in JSON; 201 with the record, the certificate and its chain in PEM, 200 for a repeat."""
    return answer(lambda: _issue(req))


def _issue(req: func.HttpRequest) -> func.HttpResponse:
    principal = authorise(req)
    app, body = application(), req.get_body()
    if len(body) > MAX_ORDER_BYTES:
        raise MalformedMessage("an order that is too large", public="The order is too large.")
    issued = app.direct.issue(DirectOrder.parse(body), principal=principal, now=app.clock())
    # A server presents all of its chain but the root, which is where its clients start.
    issuer = next((each for each in app.authorities.known() if each.id == issued.record.issuer), app.issuer)
    chain = [each for each in (issuer.certificate, *issuer.chain) if each.subject != each.issuer]
    more = {
        "repeated": issued.repeated,
        "certificate": pem("CERTIFICATE", issued.certificate.der).decode(),
        "chain": "".join(pem("CERTIFICATE", each.der).decode() for each in chain),
    }
    return document(200 if issued.repeated else 201, as_json(issued.record) | more)
