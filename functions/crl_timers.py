"""Nightly and hourly work on the CRLs: the comparison with the records, and change rows that nobody reads any more."""

from __future__ import annotations

import azure.functions as func

from shared.wiring import application

blueprint = func.Blueprint()


@blueprint.function_name("reconcile_crl")
@blueprint.timer_trigger(arg_name="timer", schedule="0 11 2 * * *", run_on_startup=False)
def reconcile_crl(timer: func.TimerRequest) -> None:
    """Every night: compare all records with the CRL and mend what the change rows lost."""
    application().reconcile()


@blueprint.function_name("purge_changes")
@blueprint.timer_trigger(arg_name="timer", schedule="0 35 * * * *", run_on_startup=False)
def purge_changes(timer: func.TimerRequest) -> None:
    """Every hour: delete change rows that are far behind the CRL; what is too much waits for the next hour."""
    application().purge_changes()
