"""The app examines itself by clock and writes down what it finds; the alerts of infra/app/alerts.bicep read that."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import azure.functions as func

from shared.record.health import Finding, Level
from shared.wiring import application

blueprint = func.Blueprint()
log = logging.getLogger("scepter.health")

_LEVELS = {Level.WARNING: logging.WARNING, Level.CRITICAL: logging.ERROR}


@blueprint.function_name("report_health")
@blueprint.timer_trigger(arg_name="timer", schedule="0 */15 * * * *", run_on_startup=False)
def report_health(timer: func.TimerRequest) -> None:
    """Every quarter of an hour: one line for each finding that somebody should know of, and one for the whole."""
    report(application().health())


def report(findings: Iterable[Finding]) -> None:
    """`health <level> <subject>: <text>`, always in these words."""
    examined = 0
    for examined, finding in enumerate(findings, 1):  # noqa: B007 - the last number is used
        if finding.level in _LEVELS:
            log.log(
                _LEVELS[finding.level],
                "health %s %s: %s; %s",
                finding.level,
                finding.subject,
                finding.text,
                finding.remedy,
            )
    log.info("health examined: %d findings", examined)
