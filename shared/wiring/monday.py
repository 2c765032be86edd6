"""Health, wired: what is looked at, and the poison queues behind the queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property, partial

from shared.record import health, tenants
from shared.record.health import Finding
from shared.record.poison import Poison
from shared.wiring.intune import name_of
from shared.wiring.setup import Setup
from shared.wiring.stores import QUEUES


class Monday(Setup):
    """What an administrator looks at on Monday morning."""

    @cached_property
    def poison(self) -> dict[str, Poison]:
        """By the name of the queue."""
        return {name: Poison(self.queue(name), self.kept_queue(f"{name}-poison")) for name in QUEUES}

    def health(self) -> list[Finding]:
        """Every finding, good ones too."""
        return health.examine(
            {
                "queues": partial(health.poison, self.poison),
                "brake": partial(health.parked, self.parked_events),
                "CRL": self._crl,
                "CA": self._certificates,
                "outside CAs": self._outside,
                "tenants": self._tenants,
            }
        )

    def _tenants(self) -> Iterator[Finding]:
        now = self.clock()
        for key, values in self.settings.intune.items():
            name = name_of(key)
            if values.revocations:
                yield from tenants.revocation_queue(name, self.notes.read(f"{name}.revocations"), now)
            if values.notification_url:
                yield from tenants.subscriptions(name, self.notes.read(f"{name}.subscriptions"), now)
            for kind in ("device", "user") if values.directory else ():
                yield from tenants.directory(name, kind, self.notes.read(f"{name}.{kind}s"), now)
            if values.installations and values.beta:
                yield from tenants.installations(name, self.notes.read(f"{name}.installations"), now)

    def _crl(self) -> Iterator[Finding]:
        found = self.crl_overview()
        complete = [crl for crl in found.crls if crl.base is None] if found else []
        begin = min((crl.this_update for crl in complete), default=None)
        end = min((crl.next_update for crl in complete), default=None)
        yield from health.crl(begin, end, self.clock())

    def _outside(self) -> Iterator[Finding]:
        now, orphans = self.clock(), Counter(each.issuer for each in self.orphans())
        for name, issuer in self.outside_issuers.items():
            remedy = f"ask who runs it for its successor, then SCEPTER_OUTSIDE_CA__{name.upper()}__CHAIN"
            yield health.ends(f"CA {name}", issuer.certificate.not_after, now, remedy=remedy)
            yield health.orphans(f"CA {name}", orphans[issuer.id])

    def _certificates(self) -> Iterator[Finding]:
        now = self.clock()
        longest = max((profile.life for profile in self.profiles.profiles.values()), default=timedelta(0))
        yield health.ends(
            "issuing CA",
            self.issuer.certificate.not_after,
            now,
            soon=longest,
            remedy="prepare its successor: manage.py ca prepare-successor",
        )
        newest = max(identity.certificate.not_after for identity in self.ra.identities(now))
        yield health.ends(
            "SCEP RA", newest, now, remedy="manage.py ca renew-ra; then look why the timer renew_ra does not"
        )
