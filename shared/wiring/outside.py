"""Who issues for a profile: our own CA, or an outside one that its `ca` names; and all records, whoever issued them.

What reaches for HTTP is imported when an outside CA is first asked: most installations have none.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

from shared.ca.authority import CertificateAuthority
from shared.ca.direct import DirectIssuance
from shared.ca.outside_issuer import OutsideIssuer
from shared.ca.ports import AdapterSettings, CAIdentity, IssuingAuthority, OutsideCA
from shared.config import SettingsError
from shared.config.outside import OutsideCASettings
from shared.errors import IssuanceFault
from shared.policy.profile import Profile
from shared.store.ports import CertificateRecord, CertificateStore
from shared.store.submission_table import TableSubmissions
from shared.store.submissions import Submission, Submissions
from shared.wiring.authority import Authority
from shared.wiring.named import checked

if TYPE_CHECKING:
    from shared.ca.outside import OutsideAuthority
    from shared.ca.outside_promises import OutsidePromises

log = logging.getLogger("scepter")

_GRACE = timedelta(seconds=5)
"""On top of what one call may take, until another worker takes a request over."""


class OutsideCAs(Authority):
    """Our CA and those of others, by the name that profiles give them; ours is ""."""

    @cached_property
    def outside_issuers(self) -> Mapping[str, OutsideIssuer]:
        """By name. Raises SettingsError, also if a profile names one that has no settings."""
        settings = {_name(key): values for key, values in self.settings.outside_ca.items()}
        for profile in self.profiles.profiles.values():
            self._check_profile(profile, settings)
        return {name: _issuer(name, values) for name, values in settings.items()}

    @cached_property
    def submissions(self) -> Submissions:
        return TableSubmissions(self.storage.table("submissions"))

    @cached_property
    def direct(self) -> DirectIssuance:
        return DirectIssuance(self.authority_of, self.profiles, self.settings.backdate)

    def identity_of(self, ca: str) -> CAIdentity:
        """Which CA issues where a profile says `ca`."""
        return self.outside_issuers[ca] if ca else self.issuer

    def authority_of(self, ca: str) -> IssuingAuthority:
        """Who issues where a profile says `ca`."""
        return self._outside_authority(ca)(self.records) if ca else self.authority

    def authority_over(self, ca: str) -> Callable[[CertificateStore], IssuingAuthority]:
        """The same with the store that it keeps its record in."""
        return self._outside_authority(ca) if ca else lambda store: CertificateAuthority(self.issuer, store)

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
        name = self.outside_names.get(record.issuer, "")
        return self.identity_of(name)

    def find_record(self, serial: str) -> CertificateRecord | None:
        """The certificate with a serial number, of our CA or, failing that, of an outside one."""
        ids = (self.issuer.id, *self.outside_names)
        return next(filter(None, (self.records.find(each, serial) for each in ids)), None)

    def all_records(self) -> Iterator[CertificateRecord]:
        """Every record, of our CA first."""
        return chain.from_iterable(map(self.records.records, (self.issuer.id, *self.outside_names)))

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
        return next(values for key, values in self.settings.outside_ca.items() if _name(key) == name)

    def _check_profile(self, profile: Profile, known: Mapping[str, OutsideCASettings]) -> None:
        if not profile.ca:
            return
        if profile.ca not in known:
            raise SettingsError(f"{_setting(profile.ca)}__URL: is missing; profile {profile.name} needs it")
        if profile.sid_extension:
            raise SettingsError(
                f"profile {profile.name}: an outside CA adds no sid_extension, so it must be off"
            )
        if profile.challenge == "static":
            log.warning("profile %s: CA %s learns its static challenges", profile.name, profile.ca)


def _name(key: str) -> str:
    """A CA as profiles write it."""
    return key.replace("_", "-").lower()


def _setting(name: str) -> str:
    return f"SCEPTER_OUTSIDE_CA__{name.replace('-', '_').upper()}"


def _issuer(name: str, values: OutsideCASettings) -> OutsideIssuer:
    try:
        return checked(f"{_setting(name)}__CHAIN", lambda: OutsideIssuer.read(name, values.chain))
    except IssuanceFault as fault:
        raise SettingsError(f"{_setting(name)}__CHAIN: {fault.reason}") from None
