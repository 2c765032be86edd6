"""What an administrator should know: each finding with what to do about it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from shared.errors import PKIError
from shared.record.poison import Poison
from shared.store.devices import ParkedEvents

log = logging.getLogger("scepter.health")

_SOON: Final = timedelta(days=30)


class Level(StrEnum):
    """How urgent a finding is."""

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. `remedy` is empty where nothing has to be done."""

    subject: str
    level: Level
    text: str
    remedy: str = ""


Check = Callable[[], Iterable[Finding]]


def examine(checks: Mapping[str, Check]) -> list[Finding]:
    """What all checks find, by subject; a check that fails is a finding itself."""
    findings: list[Finding] = []
    for subject, check in checks.items():
        try:
            findings += check()
        except PKIError as error:
            findings.append(Finding(subject, Level.CRITICAL, f"cannot be checked: {error.reason}"))
        except Exception as error:  # the other findings are still worth telling
            log.exception("health check %s", subject)
            findings.append(Finding(subject, Level.CRITICAL, f"cannot be checked: {type(error).__name__}"))
    return findings


def worst(findings: Iterable[Finding]) -> Level:
    """The level of the whole."""
    levels = {finding.level for finding in findings}
    return next((level for level in (Level.CRITICAL, Level.WARNING) if level in levels), Level.OK)


def poison(queues: Mapping[str, Poison]) -> Iterator[Finding]:
    """Messages that nobody could handle."""
    for name, queue in queues.items():
        count, subject = queue.length(), f"queue {name}"
        if count:
            remedy = f"manage.py queue peek {name}, mend the cause, manage.py queue redrive {name}"
            yield Finding(subject, Level.CRITICAL, f"{count} messages could not be handled", remedy)
        else:
            yield Finding(subject, Level.OK, "no message is left unhandled")


def parked(store: ParkedEvents) -> Iterator[Finding]:
    """What the brake holds back."""
    counts = Counter(event.source for event in store.all())
    for source, count in sorted(counts.items()):
        remedy = f"manage.py revocation parked list --source {source}, then parked release or parked discard"
        text = f"{count} events of {source} are above its limit and wait"
        yield Finding("brake", Level.CRITICAL, text, remedy)
    if not counts:
        yield Finding("brake", Level.OK, "nothing is parked")


def crl(
    this_update: datetime | None, next_update: datetime | None, now: datetime, subject: str = "CRL"
) -> Iterator[Finding]:
    """The CRL that stands published; None if none does. It is renewed at half its life."""
    remedy = "manage.py crl publish; then look why the timer publish_crl_when_due does not"
    if this_update is None or next_update is None:
        yield Finding(subject, Level.CRITICAL, "none is published", remedy)
        return
    half = this_update + (next_update - this_update) / 2
    if now >= next_update:
        yield Finding(subject, Level.CRITICAL, f"ended {next_update:%Y-%m-%d %H:%M}Z", remedy)
    elif now > half + timedelta(hours=1):
        yield Finding(
            subject, Level.WARNING, f"is past half its life and ends {next_update:%Y-%m-%d %H:%M}Z", remedy
        )
    else:
        yield Finding(subject, Level.OK, f"holds until {next_update:%Y-%m-%d %H:%M}Z")


def orphans(subject: str, count: int) -> Finding:
    """Requests to an outside CA whose certificate nobody here has."""
    if not count:
        return Finding(subject, Level.OK, "what was asked of it is on record")
    remedy = "manage.py ca orphans; look for them at that CA, revoke them there, then ca orphans --dismiss ID"
    return Finding(subject, Level.WARNING, f"{count} requests have no known end", remedy)


def ends(
    subject: str, not_after: datetime, now: datetime, *, remedy: str, soon: timedelta = _SOON
) -> Finding:
    """A certificate of ours and its end; a warning when less than `soon` is left."""
    if now >= not_after:
        return Finding(subject, Level.CRITICAL, f"ended {not_after:%Y-%m-%d}", remedy)
    days = (not_after - now).days
    if not_after - now < soon:
        return Finding(subject, Level.WARNING, f"ends {not_after:%Y-%m-%d}, in {days} days", remedy)
    return Finding(subject, Level.OK, f"lives until {not_after:%Y-%m-%d}")
