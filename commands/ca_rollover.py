"""`manage.py ca take-over`, `retire`, `rollover`, `compromise`: from one CA to the next, in peace and in haste."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from commands.ceremony import CA, BaseUrl, DryRun, Folder, base_url, ceremony, named, now, row_of, tell
from commands.session import (
    DEFAULT_SETTINGS,
    DEFAULT_URL,
    Json,
    Management,
    SettingsFile,
    Url,
    console,
    counting,
    show,
)
from shared.ca import turns
from shared.ca.holdings import Holdings
from shared.ca.installing import CeremonyHome, held_in
from shared.ca.roster import DEFAULT
from shared.errors import RequestError

Id = Annotated[str, typer.Argument(help="The CA's id, as manage.py ca show has it.")]
_PAGE, _AT_ONCE, _PATIENCE = 5000, 100, 300
_COLUMNS = ("ca", "part", "subject", "id", "live", "holders", "share", "issues from", "not after")


def take_over(
    issuer: Id,
    at: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d"], help="UTC; default: now.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Not yet: takes a moment to come back.")] = False,
    ca: CA = DEFAULT,
    folder: Folder = None,
    public_url: BaseUrl = None,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Let a successor issue from a moment on. The CA before it goes on with CRL and OCSP, and issues no more."""
    moment, url = now(), base_url(public_url, settings)
    begin = None if wait else at.replace(tzinfo=UTC) if at else moment
    with ceremony(settings, folder, url) as house:
        home = house.home(ca)
        held = turns.take_over(held_in(home), issuer, at=begin, now=moment)
        found = turns.generation(held, issuer)
        if not dry_run and begin is not None:  # before devices come
            house.completion(lambda _: None).complete(house.issuer_for(replace(found, ca=ca)), moment)
        news = _keep(home, held, dry_run=dry_run)
    when = "waits" if begin is None else f"issues from {found.issues_from:%Y-%m-%d %H:%M}Z on"
    rows = [row_of("issuing", found.certificate, ca)]
    tell(f"{named(ca)}: {issuer} {when}" + ("" if news else " already"), rows, as_json=json, dry_run=dry_run)


def retire(
    issuer: Id,
    ca: CA = DEFAULT,
    folder: Folder = None,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Take a former CA away, once nothing of it lives: its CRL and OCSP end with it. Its key stays where it is."""
    moment = now()
    with ceremony(settings, folder) as house:
        home = house.home(ca)
        held = held_in(home)
        known = [own.certificate for own in held.own if own.id == issuer]
        ended = all(each.not_after <= moment for each in known)
        # Nothing outlives its issuer: who has ended need not be asked.
        live = 0 if ended else _count(url, settings, issuer)
        news = _keep(home, turns.retire(held, issuer, live=live, now=moment), dry_run=dry_run)
    done = "is retired; its key stays where it is" if news else "is not here"
    tell(f"{named(ca)}: {issuer} {done}", as_json=json, dry_run=dry_run)


def rollover(
    ca: Annotated[str, typer.Option("--ca", help="This CA only.")] = "",
    missing: Annotated[int, typer.Option(min=0, help="Name so many who have not moved yet.")] = 0,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    json: Json = False,
) -> None:
    """How far devices have moved: of all holders of live certificates, who has one of the CA that issues now."""
    with Management(url, settings, timeout=_PATIENCE) as manage:
        found = [each for each in _authorities(manage) if ca in ("", each["ca"])]
        holders = {each["id"]: Counter(owner for _, owner in _live(manage, each["id"])) for each in found}
    rows = [_moved(each, found, holders) for each in found]
    if json:
        console().print_json(data={"authorities": rows, "missing": _missing(found, holders, missing)})
        return
    show(rows, _COLUMNS, as_json=False, title="Who has moved")
    for owner in _missing(found, holders, missing):
        console().print(owner, markup=False, highlight=False)


def compromise(
    issuer: Id,
    note: Annotated[str, typer.Option(help="For the record.")] = "",
    reason: Annotated[str, typer.Option(help="For the CRL.")] = "keyCompromise",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = DEFAULT_URL,
    settings: SettingsFile = DEFAULT_SETTINGS,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Revoke everything that a lost CA has issued, for good, and publish its CRL. Run it again at any time."""
    with Management(url, settings, timeout=_PATIENCE) as manage:
        subject = _lost(manage, issuer)
        live = sum(1 for _ in _live(manage, issuer))
        if dry_run:
            tell(f"revoke {live} certificates of {subject}", as_json=json, dry_run=True, live=live)
            return
        if live and not yes and not json:
            typer.confirm(f"Revoke {live} certificates of {subject}, for good?", abort=True)
        done = counting("revoking", _revoking(manage, issuer, reason, note), total=live)
        number = manage.call("POST", "/manage/crl")["numbers"][issuer]
    sentence = f"{done} certificates of {issuer} are revoked; CRL {number} says so"
    tell(sentence, as_json=json, revoked=done, crl=number)


def _lost(manage: Management, issuer: str) -> str:
    """The name of a CA that issues no more. Raises RequestError for one that does, or is not ours."""
    found = next((each for each in _authorities(manage) if each["id"] == issuer), None)
    if found is None:
        raise RequestError(f"no CA of ours has the id {issuer}; see manage.py ca rollover")
    if found["part"] == "issuing":
        raise RequestError(f"{issuer} issues: let a successor take over first (docs/ca-life.md)")
    return str(found["subject"])


def _revoking(manage: Management, issuer: str, reason: str, note: str) -> Callable[[], int]:
    """Revokes the next page; how many these were."""
    after: list[str] = [""]

    def more() -> int:
        while after:
            order = {"reason": reason, "note": note, "after": after.pop(), "most": _AT_ONCE}
            answer = manage.call("POST", f"/manage/authorities/{issuer}/revocation", order)
            if answer["next"]:
                after.append(answer["next"])
            if answer["count"]:
                return int(answer["count"])
        return 0

    return more


def _authorities(manage: Management) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = manage.call("GET", "/manage/authorities")["authorities"]
    return found


def _count(url: str, settings: Path, issuer: str) -> int:
    with Management(url, settings, timeout=_PATIENCE) as manage:
        if all(each["id"] != issuer for each in _authorities(manage)):
            return 0
        return sum(1 for _ in _live(manage, issuer))


def _live(manage: Management, issuer: str) -> Iterator[tuple[str, str]]:
    """Serial and owner of everything that lives, page by page."""
    query = {"limit": str(_PAGE)}
    while True:
        answer = manage.call("GET", f"/manage/authorities/{issuer}/live", **query)
        yield from ((serial, owner) for serial, owner in answer["certificates"])
        if not answer["next"]:
            return
        query["after"] = answer["next"]


def _moved(
    one: dict[str, Any], found: list[dict[str, Any]], holders: dict[str, Counter[str]]
) -> dict[str, object]:
    """A line: what lives of one CA, and its part of all who hold certificates of that name's CAs."""
    everybody = set().union(*(holders[each["id"]] for each in found if each["ca"] == one["ca"]))
    own = holders[one["id"]]
    return {
        **{name: one[name] for name in ("ca", "part", "subject", "id")},
        "live": own.total(),
        "holders": len(own),
        "share": f"{len(own) / len(everybody):.1%}" if everybody else "",
        "issues from": (one["issuesFrom"] or "not yet")[:16],
        "not after": one["notAfter"][:10],
    }


def _missing(found: list[dict[str, Any]], holders: dict[str, Counter[str]], most: int) -> list[str]:
    """Who holds a certificate of a former CA and none of the one that issues."""
    late: set[str] = set()
    for current in (each for each in found if each["part"] == "issuing"):
        former = (each["id"] for each in found if each["ca"] == current["ca"] and each["part"] == "former")
        late |= set().union(*(holders[issuer] for issuer in former)) - holders[current["id"]].keys()
    return sorted(late)[:most]


def _keep(home: CeremonyHome, held: Holdings, *, dry_run: bool) -> bool:
    """Whether there was anything new to keep."""
    news = held.to_pem() != held_in(home).to_pem()
    if news and not dry_run:
        home.keep_holdings(held)
    return news
