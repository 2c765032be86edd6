"""Timer triggers: six-field NCRONTAB schedules in UTC, one run at a time for each timer."""

import asyncio
import json
from contextlib import suppress
from datetime import UTC, datetime

from azure.functions.meta import Datum
from cronsim import CronSim, CronSimError

from local.app import Function, Worker
from local.failures import AppRefused
from local.settings import resolve


def next_run(schedule: str, after: datetime) -> datetime:
    """The first moment of `schedule` (seconds first) later than `after`. Raises AppRefused."""
    try:
        if len(schedule.split()) != 6:
            raise CronSimError("six fields, seconds first")  # noqa: TRY301
        cron = CronSim(schedule, after)
    except CronSimError as error:
        raise AppRefused(f"{schedule!r} is not an NCRONTAB schedule: {error}") from error
    cron.day_and = True  # NCRONTAB wants day of month and day of week both; cron would take either
    return next(cron)


class Timer:
    """One timer function: run by its schedule, or on demand."""

    def __init__(self, function: Function, worker: Worker) -> None:
        self._function, self._worker = function, worker
        self._schedule = resolve(str(function.trigger["schedule"]))
        self._last, self._lock = datetime(1, 1, 1, tzinfo=UTC), asyncio.Lock()
        next_run(self._schedule, datetime.now(UTC))

    async def follow(self) -> None:
        """Run at every moment of the schedule until cancelled; moments missed during a run are skipped."""
        if self._function.trigger.get("runOnStartup"):
            await asyncio.shield(self._worker.start(self.run(datetime.now(UTC))))
        while True:
            due = next_run(self._schedule, datetime.now(UTC))
            # Short sleeps: a laptop that slept, or a clock that was set, is noticed.
            while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
                await asyncio.sleep(min(left, 30))
            await asyncio.shield(self._worker.start(self.run(due)))

    async def run(self, due: datetime) -> None:
        """Run once, after a run that is going on."""
        async with self._lock:
            now, last = datetime.now(UTC), self._last.isoformat()
            following = next_run(self._schedule, now).isoformat()
            status = {"Last": last, "LastUpdated": last, "Next": following}
            info = {"ScheduleStatus": status, "IsPastDue": (now - due).total_seconds() > 1}
            info["Schedule"], self._last = {"AdjustForDST": True}, now
            with suppress(Exception):  # it is in the log, and the schedule goes on
                await self._worker.invoke(self._function, Datum(json.dumps(info), "json"))
