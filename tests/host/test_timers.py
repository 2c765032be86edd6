"""Timers: NCRONTAB schedules, the JSON a function is given, runs on demand."""

import time
from datetime import UTC, datetime

import pytest

from local.failures import AppRefused
from local.timers import next_run
from tests.host.process import HostProcess, running_host

NOW = datetime(2026, 5, 1, 12, 0, 30, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 */5 * * * *", datetime(2026, 5, 1, 12, 5, tzinfo=UTC)),
        ("30 0 12 * * *", datetime(2026, 5, 2, 12, 0, 30, tzinfo=UTC)),
        ("*/15 * * * * *", datetime(2026, 5, 1, 12, 0, 45, tzinfo=UTC)),
        ("0 30 9 * * MON-FRI", datetime(2026, 5, 4, 9, 30, tzinfo=UTC)),
        ("0 0 0 1 JUL *", datetime(2026, 7, 1, tzinfo=UTC)),
        # Both days must fit: the first 13th that is a Friday, where cron would take the next Friday.
        ("0 0 0 13 * FRI", datetime(2026, 11, 13, tzinfo=UTC)),
    ],
)
def test_next_moment_of_a_schedule(schedule: str, expected: datetime) -> None:
    assert next_run(schedule, NOW) == expected


@pytest.mark.parametrize(
    "schedule", ["*/5 * * * *", "0 */5 * * *", "61 * * * * *", "", "01:00:00", "a b c d e f"]
)
def test_what_is_no_ncrontab_schedule_is_refused(schedule: str) -> None:
    with pytest.raises(AppRefused, match="NCRONTAB"):
        next_run(schedule, NOW)


@pytest.mark.host
@pytest.mark.azurite
def test_a_timer_follows_its_schedule_one_run_at_a_time(host: HostProcess, unique_name: str) -> None:
    environment = {"TEST_PREFIX": unique_name, "TEST_SCHEDULE": "* * * * * *", "TEST_TICK_SECONDS": "1.2"}
    with running_host("--storage", str(host.ready["storage"]), environment=environment) as quick:
        quick.await_record("tick done", 2)
        order = [entry["function"] for entry in quick.record("tick", "tick done")]
        assert order[:4] == ["tick", "tick done", "tick", "tick done"]
        first, second = quick.record("tick")[:2]
        assert (first["past_due"], first["schedule"]) == (False, {"AdjustForDST": True})
        assert first["status"]["Last"] == "0001-01-01T00:00:00+00:00"
        last, following = (datetime.fromisoformat(second["status"][name]) for name in ("Last", "Next"))
        assert last < datetime.fromtimestamp(second["at"], UTC) < following or following.microsecond == 0
        assert second["status"]["LastUpdated"] == second["status"]["Last"]


@pytest.mark.host
@pytest.mark.azurite
def test_run_on_startup(host: HostProcess) -> None:
    (entry,) = host.await_record("at_start")
    assert entry["past_due"] is False


@pytest.mark.host
@pytest.mark.azurite
def test_without_timers_they_run_on_demand_only(host: HostProcess, unique_name: str) -> None:
    environment = {"TEST_PREFIX": unique_name, "TEST_SCHEDULE": "* * * * * *"}
    with running_host(
        "--storage", str(host.ready["storage"]), "--no-timers", environment=environment
    ) as still:
        time.sleep(1.2)
        assert still.record("tick", "at_start") == []
        url = still.url + "/admin/functions/tick"
        codes = [
            still.client.post(url, json={}, headers=headers).status_code for headers in ({}, still.master)
        ]
        assert codes == [401, 202]
        assert len(still.await_record("tick done")) == 1


@pytest.mark.host
@pytest.mark.azurite
def test_admin_answers_for_what_it_cannot_run(host: HostProcess) -> None:
    def status(name: str, method: str = "POST", body: bytes = b"{}") -> int:
        url = f"{host.url}/admin/functions/{name}"
        return host.client.request(method, url, content=body, headers=host.master).status_code

    assert status("unknown") == 404
    assert status("echo") == 404, "an HTTP function is run by its route"
    assert status("tick", "GET") == 404
    assert status("tick", body=b"[]") == 400
    assert status("tick", body=b"not JSON") == 400
    assert status("tick", body=b"") == 202
