"""How it is with each tenant: what the timers noted, as findings with what to do about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from shared.record.health import Finding, Level
from shared.record.remedies import advice
from shared.store.directory import Note

_PATIENCE: Final = timedelta(hours=1)


def revocation_queue(integration: str, note: Note | None, now: datetime) -> Iterator[Finding]:
    """Intune's revocation queue: an hour without a round that went well is critical."""
    subject = f"revocation queue {integration}"
    if note is None:
        yield Finding(subject, Level.WARNING, "was not read yet", "look whether timers run")
        return
    content = note.content
    if content.get("problem"):
        yield trouble(subject, content, now)
    elif content.get("blocked"):
        yield Finding(
            subject,
            Level.CRITICAL,
            "a full page of it held no certificate of ours",
            "SCEPTER_INTUNE__<NAME>__ISSUER_NAMES, or SOLE_AUTHORITY if there is no other authority",
        )
    elif now - note.at > _PATIENCE:
        yield Finding(
            subject, Level.CRITICAL, f"was last read {note.at:%Y-%m-%d %H:%M}Z", "look whether timers run"
        )
    elif content.get("unknown"):
        text = f"asks for {content['unknown']} certificates that are not on record"
        yield Finding(
            subject, Level.WARNING, text, "are they another authority's? SCEPTER_INTUNE__<NAME>__ISSUER_NAMES"
        )
    else:
        yield Finding(subject, Level.OK, f"was emptied {note.at:%Y-%m-%d %H:%M}Z")


def directory(integration: str, kind: str, note: Note | None, now: datetime) -> Iterator[Finding]:
    """The looks at devices or users of a tenant; a listing that was not believed is critical."""
    subject = f"directory {integration}, {kind}s"
    if note is None:
        yield Finding(subject, Level.WARNING, "was not looked at yet", "look whether timers run")
    elif note.content.get("problem"):
        yield trouble(subject, note.content, now)
    elif note.content.get("alarm"):
        text = f"{note.content['alarm']}: taken for a mistake, and nothing was done"
        remedy = f"if it is right: manage.py intune accept --integration {integration} --kind {kind}"
        yield Finding(subject, Level.CRITICAL, text, remedy)
    elif now - note.at > _PATIENCE:
        text = f"was last looked at {note.at:%Y-%m-%d %H:%M}Z"
        yield Finding(subject, Level.CRITICAL, text, "look whether timers run")
    else:
        yield Finding(subject, Level.OK, f"was looked at {note.at:%Y-%m-%d %H:%M}Z")


def subscriptions(integration: str, note: Note | None, now: datetime) -> Iterator[Finding]:
    """Graph's change notifications: until when they come."""
    subject = f"notifications {integration}"
    if note is None:
        yield Finding(subject, Level.WARNING, "were not asked for yet", "look whether timers run")
    elif note.content.get("problem"):
        yield trouble(subject, note.content, now)
    elif now - note.at > 3 * _PATIENCE:
        text = f"were last looked after {note.at:%Y-%m-%d %H:%M}Z"
        yield Finding(subject, Level.CRITICAL, text, "look whether timers run")
    else:
        first = min(map(str, note.content["until"].values()), default="")
        yield Finding(subject, Level.OK, f"come until {first[:10]} without further renewal")


def installations(integration: str, note: Note | None, now: datetime) -> Iterator[Finding]:
    """What was issued and is not on its device as far as Intune knows, and connectors that are silent."""
    subject = f"installations {integration}"
    if note is None:
        yield Finding(subject, Level.WARNING, "were not looked at yet", "look whether timers run")
        return
    content, remedy = note.content, f"manage.py intune status --integration {integration}"
    if content.get("problem"):
        yield trouble(subject, content, now)
    elif now - note.at > 12 * _PATIENCE:
        text = f"were last looked at {note.at:%Y-%m-%d %H:%M}Z"
        yield Finding(subject, Level.WARNING, text, "look whether timers run")
    elif content.get("absent"):
        text = f"{content['absent']} of {content['issued']} certificates are not on their devices"
        yield Finding(subject, Level.WARNING, f"{text}, as far as Intune knows", remedy)
    else:
        yield Finding(
            subject, Level.OK, f"all of {content.get('issued', 0)} certificates are on their devices"
        )
    for each in content.get("connectors", []):
        if each.get("state") not in ("active", "none", ""):
            text = f"connector {each['name']} is {each['state']} since {each['lastConnection'][:16]}"
            yield Finding(subject, Level.WARNING, text, "its server and service; Scepter itself needs none")


def trouble(subject: str, content: Mapping[str, Any], now: datetime) -> Finding:
    """A round that ended early: a warning at first, critical when the last good one is an hour ago."""
    good_at = content.get("goodAt")
    since = datetime.fromisoformat(good_at) if good_at else None
    late = since is None or now - since > _PATIENCE
    told = f"; it last went well {since:%Y-%m-%d %H:%M}Z" if since else ""
    remedy = advice(str(content.get("error", "")), str(content["problem"])) or "see the log"
    return Finding(subject, Level.CRITICAL if late else Level.WARNING, f"{content['problem']}{told}", remedy)
