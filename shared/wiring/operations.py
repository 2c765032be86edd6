"""Health, wired: what is looked at, and the poison queues behind the queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cached_property, partial

from shared.record import health, tenants
from shared.record.ca_health import CAHealth, named
from shared.record.health import Finding, Level
from shared.record.poison import Poison
from shared.wiring.answering import Answering
from shared.wiring.intune import name_of
from shared.wiring.setup import Setup
from shared.wiring.stores import QUEUES


class Operations(Setup, Answering):
    """What an administrator looks at."""

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
        published, now = self.crl_overview(), self.clock()
        for ca in self._publishing():
            found = published.get(ca.id)
            complete = [crl for crl in found.crls if crl.base is None] if found else []
            begin = min((crl.this_update for crl in complete), default=None)
            end = min((crl.next_update for crl in complete), default=None)
            current = self.authorities.roster.current(ca.ca, now)
            subject = (
                named("CRL", ca.ca)
                if current and current.id == ca.id
                else f"CRL of {ca.certificate.subject.text()}"
            )
            yield from health.crl(begin, end, now, subject)

    def _outside(self) -> Iterator[Finding]:
        now, orphans = self.clock(), Counter(each.issuer for each in self.orphans())
        for name, issuer in self.outside_issuers.items():
            remedy = f"ask who runs it for its successor, then SCEPTER_OUTSIDE_CA__{name.upper()}__CHAIN"
            yield health.ends(f"CA {name}", issuer.certificate.not_after, now, remedy=remedy)
            yield health.orphans(f"CA {name}", orphans[issuer.id])

    def _certificates(self) -> Iterator[Finding]:
        now = self.clock()
        longest = max((profile.life for profile in self.profiles.profiles.values()), default=timedelta(0))
        ca_health = CAHealth(self.authorities.roster, self.authorities.names, now, longest)
        yield from ca_health.authorities()
        responders = [identity.certificate for identity in self.root_identities.load()]
        yield from ca_health.roots(self.settings.public_url, responders)
        yield from self._ra(now)

    def _ra(self, now: datetime) -> Iterator[Finding]:
        remedy = "manage.py ca renew-ra; then look why the timer renew_ra does not"
        alive = self.ra.identities(now)
        for name in self.authorities.names:
            current, subject = self.authorities.roster.current(name, now), named("SCEP RA", name)
            if current is None:
                continue  # which is told of the CA
            issuer = current.certificate
            own = [each.certificate.not_after for each in alive if each.is_of(issuer)]
            if own:
                yield health.ends(subject, max(own), now, remedy=remedy)
            else:
                level = Level.WARNING if alive else Level.CRITICAL
                text = f"{issuer.subject.text()} has certified none" + (
                    ", another CA's stands in" * bool(alive)
                )
                yield Finding(subject, level, text, remedy)
