"""Who issues for a profile: a CA of ours, or an outside one, as its `ca` says; and all records, whoever issued them.

What reaches for HTTP is imported when an outside CA is first asked: most installations have none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from shared.ca.authority import CertificateAuthority
from shared.ca.direct import DirectIssuance
from shared.ca.house import ByProfile, House
from shared.ca.issuers import CAIdentity
from shared.ca.outside_issuer import OutsideIssuer
from shared.ca.ports import AdapterSettings, IssuingAuthority, OutsideCA
from shared.config.outside import OutsideCASettings
from shared.errors import IssuanceFault, SettingsError
from shared.policy.profile import Profile
from shared.store.ports import CertificateRecord, CertificateStore
from shared.store.submission_table import TableSubmissions
from shared.store.submissions import Submission, Submissions
from shared.wiring.authority import Authority, ca_name
from shared.wiring.named import checked

if TYPE_CHECKING:
    from shared.ca.outside import OutsideAuthority
    from shared.ca.outside_promises import OutsidePromises

log = logging.getLogger("scepter")

_GRACE = timedelta(seconds=5)
"""On top of what one call may take, until another worker takes a request over."""


class OutsideCAs(Authority):
    """CAs of ours and of others, by the names that profiles give them."""

    @cached_property
    def outside_issuers(self) -> Mapping[str, OutsideIssuer]:
        """By name. Raises SettingsError, also if a profile names one that has no settings."""
        settings = {ca_name(key): values for key, values in self.settings.outside_ca.items()}
        for profile in self.profiles.profiles.values():
            self._check_profile(profile, settings)
        return {name: _issuer(name, values) for name, values in settings.items()}

    @cached_property
    def submissions(self) -> Submissions:
        return TableSubmissions(self.storage.table("submissions"))

    @cached_property
    def direct(self) -> DirectIssuance:
        return DirectIssuance(self.authority_of, self.profiles, self.settings.backdate)

    @cached_property
    def house(self) -> House:
        """Every CA."""
        return House(self.authorities, self.outside_issuers, self.ca_of)

    @cached_property
    def any_authority(self) -> IssuingAuthority:
        """Issues under whichever CA the profile of an order names."""
        return self.authority_over(self.records)

    def identity_of(self, ca: str) -> CAIdentity:
        """Which CA issues where a profile says `ca`. Raises KeyUnavailable."""
        outside = self.outside_issuers.get(ca)
        return self.authorities.roster.issuing(ca, self.clock()) if outside is None else outside

    def authority_of(self, ca: str) -> IssuingAuthority:
        """Who issues where a profile says `ca`."""
        return self._outside_authority(ca)(self.records) if ca in self.outside_issuers else self.authority

    def authority_over(self, store: CertificateStore) -> IssuingAuthority:
        """Who issues, by the profile of each order, with the store that keeps the record."""
        own = CertificateAuthority(self.authorities, store)

        def of(profile: str) -> IssuingAuthority:
            ca = self.ca_of(profile)
            return self._outside_authority(ca)(store) if ca in self.outside_issuers else own

        return ByProfile(of)

    def outside_ca(self, name: str) -> OutsideCA:
        """The adapter to an outside CA, made once. Raises SettingsError."""
        if name not in self._adapters:
            self._adapters[name] = self._adapter(name)
        return self._adapters[name]

    @property
    def outside_names(self) -> Mapping[str, str]:
        """The names of outside CAs by the id they have on record."""
        return {issuer.id: name for name, issuer in self.outside_issuers.items()}

    def issuer_of(self, record: CertificateRecord) -> CAIdentity:
        """The CA that issued what is on record."""
        return next((each for each in self.house.known() if each.id == record.issuer), self.issuer)

    def find_record(self, serial: str) -> CertificateRecord | None:
        """The certificate with a serial number, of whichever CA: one point read for each."""
        found = (self.records.find(each.id, serial) for each in self.house.known())
        return next((each for each in found if each is not None), None)

    def all_records(self) -> Iterator[CertificateRecord]:
        """Every record of every CA, ours first. A scan."""
        for each in self.house.known():
            yield from self.records.records(each.id)

    def orphans(self, *, at_work: bool = False) -> list[Submission]:
        """Requests that were sent to an outside CA, and of which nobody here has a certificate; those too that may be
        `at_work` still, if asked for."""
        if not self.settings.outside_ca:
            return []
        now = self.clock()
        return [each for each in self.submissions.all() if at_work or each.is_orphan(now)]

    def dismiss(self, orphan: Submission, *, by: str) -> None:
        """Somebody has looked for it at its CA."""
        log.warning("orphan %s of %s was dismissed by %s", orphan.id, orphan.subject, by)
        self.submissions.forget(orphan)

    @cached_property
    def _adapters(self) -> dict[str, OutsideCA]:
        return {}

    def _adapter(self, name: str) -> OutsideCA:
        from shared.ca import adapters

        values = self._values(name)
        given = AdapterSettings(
            name=name,
            url=values.url,
            trust=values.trust,
            username=values.username,
            password=values.password.get_secret_value(),
            client_certificate=values.client_certificate.get_secret_value(),
            reenrol=values.reenrol,
            seconds=values.seconds,
            options={key: value.get_secret_value() for key, value in values.options.items()},
        )
        return checked(_setting(name), lambda: adapters.maker(values.adapter)(given))

    def _outside_authority(self, name: str) -> Callable[[CertificateStore], OutsideAuthority]:
        from shared.ca.outside import OutsideAuthority

        issuer, ca = self.outside_issuers[name], self.outside_ca(name)
        patience = timedelta(seconds=self._values(name).seconds) + _GRACE
        return lambda store: OutsideAuthority(issuer, ca, store, self.submissions, patience=patience)

    def outside_promises(self, name: str) -> OutsidePromises:
        """An outside CA for keys that are made here."""
        from shared.ca.outside_promises import OutsidePromises

        patience = timedelta(seconds=self._values(name).seconds) + _GRACE
        issuer, ca = self.outside_issuers[name], self.outside_ca(name)
        return OutsidePromises(issuer, ca, self.records, self.submissions, patience=patience)

    def _values(self, name: str) -> OutsideCASettings:
        return next(values for key, values in self.settings.outside_ca.items() if ca_name(key) == name)

    def _check_profile(self, profile: Profile, known: Mapping[str, OutsideCASettings]) -> None:
        if profile.ca not in known:
            return
        if profile.sid_extension:
            raise SettingsError(
                f"profile {profile.name}: an outside CA adds no sid_extension, so it must be off"
            )
        if profile.challenge == "static":
            log.warning("profile %s: CA %s learns its static challenges", profile.name, profile.ca)


def _setting(name: str) -> str:
    return f"SCEPTER_OUTSIDE_CA__{name.replace('-', '_').upper()}"


def _issuer(name: str, values: OutsideCASettings) -> OutsideIssuer:
    try:
        return checked(f"{_setting(name)}__CHAIN", lambda: OutsideIssuer.read(name, values.chain))
    except IssuanceFault as fault:
        raise SettingsError(f"{_setting(name)}__CHAIN: {fault.reason}") from None
