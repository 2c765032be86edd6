"""Work by clock and by queue: CRLs at half-life or on request, superseded certificates, the next RA and responder."""

from __future__ import annotations

import azure.functions as func

from functions.messages import CRLRequest, handle
from shared.wiring import application

blueprint = func.Blueprint()
QUEUE = "crl-requests"


@blueprint.function_name("publish_crl_when_due")
@blueprint.timer_trigger(arg_name="timer", schedule="0 */5 * * * *", run_on_startup=True)
def publish_crl_when_due(timer: func.TimerRequest) -> None:
    """Every five minutes: publish CRLs of which half the life has passed, and CA certificates that changed."""
    application().publish_when_due()


@blueprint.function_name("publish_crl_on_request")
@blueprint.queue_trigger(arg_name="msg", queue_name=QUEUE, connection="AzureWebJobsStorage")
def publish_crl_on_request(msg: func.QueueMessage) -> None:
    """A revocation asks for the next CRL; one that a published CRL already covers is dropped."""
    handle(msg, CRLRequest, QUEUE, lambda request: _publish(request))


@blueprint.function_name("revoke_superseded")
@blueprint.timer_trigger(arg_name="timer", schedule="0 17 * * * *", run_on_startup=False)
def revoke_superseded(timer: func.TimerRequest) -> None:
    """Every hour: revoke renewed certificates whose grace has passed."""
    application().superseder.run()


@blueprint.function_name("purge_requests")
@blueprint.timer_trigger(arg_name="timer", schedule="0 23 * * * *", run_on_startup=False)
def purge_requests(timer: func.TimerRequest) -> None:
    """Every hour: forget requests that waited too long for an approval, or for their device after it."""
    app = application()
    app.decisions.purge(app.clock())


@blueprint.function_name("renew_ra")
@blueprint.timer_trigger(arg_name="timer", schedule="0 41 3 * * *", run_on_startup=False)
def renew_ra(timer: func.TimerRequest) -> None:
    """Every night: make the next RA identity when the newest has passed half its life."""
    application().renew_ra()


@blueprint.function_name("renew_responder")
@blueprint.timer_trigger(arg_name="timer", schedule="0 47 * * * *", run_on_startup=False)
def renew_responder(timer: func.TimerRequest) -> None:
    """Every hour: make the next OCSP responder when the newest is a day old; it would live for a week."""
    application().renew_responders()


@blueprint.function_name("purge_traces")
@blueprint.timer_trigger(arg_name="timer", schedule="0 29 * * * *", run_on_startup=False)
def purge_traces(timer: func.TimerRequest) -> None:
    """Every hour: delete traces of more than SCEPTER_TRACE_DAYS days ago; what is too much waits for the next hour."""
    application().purge_traces()


def _publish(request: CRLRequest) -> None:
    application().publish_change(request.issuer, request.changed_at)
