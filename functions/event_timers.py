"""Work by clock on what events left behind: holds that become revocations, the fleet count, what is kept too long."""

from __future__ import annotations

import azure.functions as func

from shared.wiring import application

blueprint = func.Blueprint()


@blueprint.function_name("finalise_holds")
@blueprint.timer_trigger(arg_name="timer", schedule="30 */10 * * * *", run_on_startup=False)
def finalise_holds(timer: func.TimerRequest) -> None:
    """Every ten minutes: revoke what is still on hold when its grace is over."""
    application().holds.finalise()


@blueprint.function_name("count_fleet")
@blueprint.timer_trigger(arg_name="timer", schedule="0 11 2 * * *", run_on_startup=False)
def count_fleet(timer: func.TimerRequest) -> None:
    """Every night: count who holds live certificates, for the brake's share."""
    application().count_fleet()


@blueprint.function_name("purge_events")
@blueprint.timer_trigger(arg_name="timer", schedule="0 47 * * * *", run_on_startup=False)
def purge_events(timer: func.TimerRequest) -> None:
    """Every hour: forget events of more than SCEPTER_EVENT_DAYS days ago."""
    application().purge_events()
