"""`POST /challenges`: a named caller orders a sealed challenge for one device or user."""

from __future__ import annotations

import azure.functions as func

from functions.answers import answer, document
from functions.authorisation import require_tls
from functions.bearer import bearer
from shared.wiring import application

blueprint = func.Blueprint()


@blueprint.function_name("challenges")
@blueprint.route("challenges", methods=["POST"])
def challenges(req: func.HttpRequest) -> func.HttpResponse:
    """`Authorization: Bearer <secret of a caller>`, body a ChallengeOrder in JSON; 201 with the challenge."""
    return answer(lambda: _mint(req))


def _mint(req: func.HttpRequest) -> func.HttpResponse:
    app = application()
    require_tls(req, app)
    minted = app.mint.mint(bearer(req), req.get_body(), now=app.clock())
    body = {"challenge": minted.challenge, "id": minted.id, "expires_at": minted.expires_at.isoformat()}
    return document(201, body)
