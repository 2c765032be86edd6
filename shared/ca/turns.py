"""Who issues from when on: the take-over by a successor, and the end of a CA that has issued before."""

from __future__ import annotations

from datetime import datetime

from shared.ca.holdings import Holdings
from shared.ca.roster import DEFAULT, Generation, Roster
from shared.errors import IssuanceFault


def take_over(held: Holdings, issuer: str, *, at: datetime | None, now: datetime) -> Holdings:
    """With the key of that id issuing from `at` on, once no earlier than `now`; None: it waits again.

    Raises IssuanceFault for a turn that has come already, and for a moment at which its certificate does not hold.
    """
    found = generation(held, issuer)
    if found.issues_from == at:
        return held
    if found.has_turn(now):
        if at == now:
            return held
        raise IssuanceFault(f"{issuer} issues since {found.issues_from:%Y-%m-%d %H:%M}Z; that is not undone")
    if at is not None:
        certificate = found.certificate
        if not max(now, certificate.not_before) <= at < certificate.not_after:
            raise IssuanceFault(
                f"{issuer} cannot take over at {at:%Y-%m-%d %H:%M}Z: past, or not in its life"
            )
    return held.with_turn(issuer, at)


def retire(held: Holdings, issuer: str, *, live: int, now: datetime) -> Holdings:
    """Without the key of that id, of which `live` certificates have not ended: its CRL and OCSP end with it.

    What is gone already stays gone. Raises IssuanceFault for who issues, and as long as anything lives.
    """
    if Roster.of({DEFAULT: held}).find(issuer) is None:
        return held
    found = generation(held, issuer)
    if found.has_turn(now) and Roster.of({DEFAULT: held}).issuing(DEFAULT, now).id == issuer:
        raise IssuanceFault(f"{issuer} issues; prepare a successor and let it take over first")
    if live and found.certificate.not_after > now:
        raise IssuanceFault(
            f"{live} certificates of {issuer} live on and need its CRL and OCSP: retire it when they have ended"
        )
    return held.without(issuer)


def generation(held: Holdings, issuer: str) -> Generation:
    """Raises IssuanceFault for an id that no key of this CA has."""
    found = Roster.of({DEFAULT: held}).find(issuer)
    if found is None:
        raise IssuanceFault(f"no key of this CA has the id {issuer}; see manage.py ca show")
    return found
