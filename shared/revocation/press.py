"""One scope's CRLs of one build, put in place: the delta first, then the complete CRL, both with the same number.

A delta may be ahead of its complete CRL when somebody dies between the two, but never behind it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.ca.issuer import Issuer
from shared.revocation.crl_blobs import CRLBlobs
from shared.revocation.crl_signing import signed_crl
from shared.revocation.crl_standing import Standing
from shared.revocation.deltas import DeltaList, Entries
from shared.revocation.labels import Label
from shared.revocation.scopes import CRLPlan
from shared.x509.crl_list import EntryList, is_ended
from shared.x509.crl_template import CRLTemplate

BACKDATE = timedelta(minutes=10)
"""How far thisUpdate lies back, for clocks that are late."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """What goes into print: the list with its `count`, the serial numbers `touched` since the last complete CRL, and
    what the list `holds` of those and of the delta's. `digest` is of a shard's list."""

    entries: EntryList
    count: int
    touched: Collection[bytes]
    holds: Entries
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Press:
    """Prints for one issuer at one time. Certificates that ended before `ended_before` have left the lists."""

    issuer: Issuer
    blobs: CRLBlobs
    plan: CRLPlan
    now: datetime
    ended_before: date

    def print(self, standing: Standing, sheet: Sheet, more: Mapping[str, str]) -> Label:
        """Sign and put the scope's CRLs in place of what stands; `more` is metadata of the complete one.

        Raises Conflict if something else stands there by now, IssuanceFault, KeyUnavailable, StoreUnavailable.
        """
        number = max(standing.last_number + 1, int(self.now.timestamp()))
        deltas = self.plan.delta_life is not None
        if self.plan.delta_life is not None:
            self._print_delta(standing, sheet, number, self.plan.delta_life)
        scope, next_update = standing.scope, self.now + self.plan.life
        template = self._template(
            number, next_update, scope.distribution_point, freshest=scope.delta_url if deltas else ""
        )
        der = signed_crl(self.issuer, template, sheet.entries, sheet.count)
        label = Label(number, template.this_update, next_update, sheet.count, sheet.digest, deltas)
        self.blobs.put(scope.name, der, label.metadata() | dict(more), standing.source)
        return label

    def _print_delta(self, standing: Standing, sheet: Sheet, number: int, life: timedelta) -> None:
        scope = standing.scope
        changes = self._changes(standing, number).up_to_date(
            sheet.touched, sheet.holds, lambda key: is_ended(key, self.ended_before), self.now
        )
        listed = b"".join(changes.entries.values())
        template = self._template(number, self.now + life, scope.distribution_point, base=changes.base)
        count = len(changes.entries)
        der = signed_crl(self.issuer, template, EntryList(listed, 0, len(listed)), count)
        label = Label(number, template.this_update, template.next_update, count)
        replaces = standing.delta.source if standing.delta else None
        self.blobs.put(scope.delta_name, der, label.metadata() | changes.metadata(), replaces)

    def _changes(self, standing: Standing, number: int) -> DeltaList:
        """What the delta that stands says; one that missed a build of its complete CRL says nothing any more."""
        known, ends = standing.delta, standing.next_update
        if ends is None:
            return DeltaList.since(number, self.now + self.plan.life)
        if known is None or known.number < standing.number:
            return DeltaList.since(standing.number, ends)
        return known.changes.moved_on(self.now, standing.number, ends)

    def _template(
        self,
        number: int,
        next_update: datetime,
        distribution_point: str,
        *,
        freshest: str = "",
        base: int | None = None,
    ) -> CRLTemplate:
        return CRLTemplate(
            number=number,
            this_update=self.now - BACKDATE,
            next_update=next_update,
            next_publish=self.now + self.plan.interval,
            distribution_point=distribution_point,
            freshest=freshest,
            base=base,
        )
