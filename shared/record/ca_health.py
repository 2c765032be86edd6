"""How the CAs are: who issues until when, who comes next, who may go, and what a root far away has to sign in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from shared.ca.issuer import issuer_id
from shared.ca.roster import DEFAULT, Generation, Roster
from shared.errors import KeyUnavailable
from shared.record.health import Finding, Level, ends
from shared.x509.certificate import Certificate
from shared.x509.crl import parse_crl

FAR: Final = timedelta(days=60)
"""How long before its end one is reminded of what needs a ceremony."""


@dataclass(frozen=True, slots=True)
class CAHealth:
    """`longest` is the life of the longest profile: a CA that has less left cannot keep that promise."""

    roster: Roster
    names: Sequence[str]
    now: datetime
    longest: timedelta

    def authorities(self) -> Iterator[Finding]:
        """Every CA, generation by generation."""
        for name in self.names:
            subject = named("issuing CA", name)
            try:
                current = self.roster.issuing(name, self.now)
            except KeyUnavailable as error:
                yield Finding(
                    subject, Level.CRITICAL, error.reason, "install its certificate: manage.py ca install"
                )
                continue
            if current.id in self.roster.revoked:
                remedy = "docs/ca-life.md: when a CA key is lost"
                yield Finding(subject, Level.CRITICAL, "its root has revoked it; nothing is issued", remedy)
                continue
            yield self._issuing(subject, current, self.roster.successor(name, self.now))
            yield from (self._former(each) for each in self.roster.former(name, self.now))

    def _issuing(self, subject: str, current: Generation, successor: Generation | None) -> Finding:
        end = current.certificate.not_after
        if successor is None:
            remedy = "prepare its successor: manage.py ca prepare-successor, or ca request and ca install"
            return ends(subject, end, self.now, soon=self.longest, remedy=remedy)
        if successor.issues_from is None:
            remedy = f"its successor waits: manage.py ca take-over {successor.id}"
            return ends(subject, end, self.now, soon=self.longest, remedy=remedy)
        text = f"lives until {end:%Y-%m-%d}; {successor.certificate.subject.text()} takes over on "
        return Finding(subject, Level.OK, f"{text}{successor.issues_from:%Y-%m-%d %H:%M}Z")

    def _former(self, former: Generation) -> Finding:
        subject, end = f"former CA {former.id}", former.certificate.not_after
        if former.id in self.roster.revoked:
            return Finding(
                subject, Level.OK, f"its root has revoked it; its CRL goes on until {end:%Y-%m-%d}"
            )
        if self.now >= end:
            return Finding(
                subject, Level.WARNING, f"has ended {end:%Y-%m-%d}", f"manage.py ca retire {former.id}"
            )
        return Finding(subject, Level.OK, f"issues no more; CRL and OCSP go on, until {end:%Y-%m-%d} at most")

    def roots(self, base_url: str, responders: Sequence[Certificate]) -> Iterator[Finding]:
        """What relying parties ask of each root at our address, as far as CA certificates point there. `responders`
        are those that roots have delegated."""
        for root in self.roster.roots:
            promised = self._promised(root, base_url)
            if "crl" in promised:
                yield self._root_crl(root)
            if "ocsp" in promised:
                yield self._root_responder(root, responders)

    def _promised(self, root: Certificate, base_url: str) -> set[str]:
        """What certificates of the root say is here."""
        places = {"crl": f"{base_url}/crl/{issuer_id(root.spki)}.crl", "ocsp": f"{base_url}/ocsp"}
        below = [each.tbs for each in self.roster.issued_by(root)]
        return {kind for kind, url in places.items() if any(url.encode() in tbs for tbs in below)}

    def _root_crl(self, root: Certificate) -> Finding:
        subject = f"CRL of {root.subject.text()}"
        remedy = "manage.py ca root-crl where the root's key is, then manage.py ca install with its file"
        der = self.roster.root_crls.get(issuer_id(root.spki))
        if der is None:
            return Finding(subject, Level.CRITICAL, "none is installed", remedy)
        return ends(subject, parse_crl(der).next_update, self.now, soon=FAR, remedy=remedy)

    def _root_responder(self, root: Certificate, responders: Sequence[Certificate]) -> Finding:
        subject = f"OCSP of {root.subject.text()}"
        remedy = (
            "manage.py ca responder-request, ca sign-responder where the root's key is, ca install-responder"
        )
        lives = [
            each.not_after
            for each in responders
            if each.issuer.encoded == root.subject.encoded
            and each.authority_key_identifier == root.subject_key_identifier
        ]
        if not lives:
            return Finding(subject, Level.WARNING, "nobody answers for CA certificates", remedy)
        return ends(subject, max(lives), self.now, soon=FAR, remedy=remedy)


def named(what: str, ca: str) -> str:
    """The subject of a finding: the default CA needs no name."""
    return what if ca == DEFAULT else f"{what} {ca}"
