"""Work by clock for tenants: what was issued and never reported is withdrawn, failures are told, what Intune wants
revoked is revoked, and the directory is looked at."""

from __future__ import annotations

import azure.functions as func

from shared.wiring import application

blueprint = func.Blueprint()


@blueprint.function_name("sweep_intune")
@blueprint.timer_trigger(arg_name="timer", schedule="45 */3 * * * *", run_on_startup=False)
def sweep_intune(timer: func.TimerRequest) -> None:
    """Every three minutes; nothing to do, and no storage call, where no tenant has settings."""
    sweep = application().intune_sweep
    if sweep is not None:
        sweep.run()


@blueprint.function_name("empty_revocation_queues")
@blueprint.timer_trigger(arg_name="timer", schedule="15 */4 * * * *", run_on_startup=False)
def empty_revocation_queues(timer: func.TimerRequest) -> None:
    """Every four minutes: do what Intune asks for in its revocation queues, and tell it what became of it."""
    application().empty_revocation_queues()


@blueprint.function_name("reconcile_directories")
@blueprint.timer_trigger(arg_name="timer", schedule="0 3,18,33,48 * * * *", run_on_startup=False)
def reconcile_directories(timer: func.TimerRequest) -> None:
    """Every quarter of an hour: tell of devices and users that the directories say something new of."""
    application().reconcile_directories()


@blueprint.function_name("keep_subscriptions")
@blueprint.timer_trigger(arg_name="timer", schedule="20 37 * * * *", run_on_startup=False)
def keep_subscriptions(timer: func.TimerRequest) -> None:
    """Every hour: make and renew what Graph tells of changes by."""
    application().keep_subscriptions()
