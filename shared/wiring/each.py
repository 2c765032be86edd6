"""One act for every CA: what fails for one of them keeps no other from its turn."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from shared.ca.issuers import CAIdentity
from shared.errors import PKIError

log = logging.getLogger("scepter")

CA = TypeVar("CA", bound=CAIdentity)
T = TypeVar("T")


def for_each(authorities: Iterable[CA], act: Callable[[CA], T], what: str) -> dict[str, T]:
    """What `act` made of each CA, by its id. Raises the first failure, once all have had their turn."""
    done: dict[str, T] = {}
    failures: list[PKIError] = []
    for authority in authorities:
        try:
            done[authority.id] = act(authority)
        except PKIError as error:
            log.error("%s of CA %s: %s", what, authority.id, error.reason)  # noqa: TRY400 - raised below
            failures.append(error)
    if failures:
        raise failures[0]
    return done
