"""Users, compared with the last look, one by one: a delta query or a notification says who may have changed."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from shared.errors import Conflict
from shared.intune.directory.condition import FINE, user_condition
from shared.intune.directory.objects import EntraUser
from shared.intune.directory.telling import Teller
from shared.store.directory import Known

log = logging.getLogger("scepter.directory")

_TRIES: Final = 4
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f/\\#?]{1,256}")


@dataclass(frozen=True, slots=True)
class Users:
    """Those of one integration."""

    integration: str
    teller: Teller

    def compare(self, user: EntraUser, before: Known | None, *, first: bool = False) -> Known | None:
        """The row of now; None if it is as it was. At a first look nothing is told by itself."""
        facts: dict[str, Any] = dict(before.facts) if before else {}
        names = dict(before.names) if before else {}
        for name, value in (("id", user.object_id), ("userPrincipalName", user.upn)):
            if value and _NAME.fullmatch(value):
                names[name] = value
        facts["removed"] = user.removed
        if user.enabled is not None:
            facts["enabled"] = user.enabled
        condition, now = user_condition(facts), self.teller.clock()
        if before is None:
            told = first or condition == FINE
            return Known(self.integration, "user", user.object_id.lower(), names, facts, condition, now, told)
        if condition != before.condition:
            since = max(now, before.since + timedelta(seconds=1))  # each change has an id of its own
            return replace(before, names=names, facts=facts, condition=condition, since=since, told=False)
        if (facts, names) != (before.facts, before.names):
            return replace(before, names=names, facts=facts)
        return None

    def take(self, user: EntraUser) -> bool:
        """Note a user as it is now, and tell what follows; whether anything does. Raises StoreUnavailable, Conflict."""
        for _ in range(_TRIES):
            before = self.teller.store.find(self.integration, "user", user.object_id.lower())
            row = self.compare(user, before)
            try:
                if row is not None:
                    before = self.teller.store.advance(row, before)
                if before is None or before.told:
                    return False
                self.teller.tell(before)
            except Conflict:
                continue
            return True
        raise Conflict(f"user {user.object_id} is being changed by others")

    def take_all(self, found: Iterable[EntraUser], known: Mapping[str, Known], *, first: bool) -> int:
        """Note many at once; how many events it was. `known` are the rows of before. Raises StoreUnavailable."""
        rows = []
        for user in found:
            before = known.get(user.object_id.lower())
            row = self.compare(user, before, first=first)
            if row is not None and first and before is None and row.condition != FINE:
                row = replace(row, told=not self.teller.has_certificates(row))
            if row is not None:
                rows.append(row)
            elif before is not None and not before.told:  # left by a run that was cut off
                rows.append(before)
        self.teller.store.put_all(rows)
        return self.teller.tell_all(rows)
