"""The SCEP RA: the identities that open requests and sign replies (RFC 8894 2.1.2), and their overlap.

The newest identity is offered once it is an hour old, so every worker has it by then; older ones still open what
was sealed to them. An unknown recipient triggers one reload, at most once a minute.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.ca import hierarchy
from shared.ca.issuer import Issuer
from shared.errors import KeyUnavailable
from shared.keys.ports import SigningKey, public_key_info
from shared.x509.certificate import Certificate
from shared.x509.names import Name
from shared.x509.serial import make_serial

LIFE = timedelta(days=365)
OFFERED_AFTER = timedelta(hours=1)
_RELOAD_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class RAIdentity:
    """One RA certificate, its key, and since when it has been where every worker can load it."""

    certificate: Certificate
    key: rsa.RSAPrivateKey = field(repr=False)
    since: datetime

    def is_of(self, issuer: Certificate) -> bool:
        """Whether that CA has certified it. By name and key identifier: it is from a place of our own."""
        own = self.certificate
        named = own.issuer.encoded == issuer.subject.encoded
        return named and own.authority_key_identifier == issuer.subject_key_identifier


class RegistrationAuthority:
    """All RA identities that are alive. `load` reads them from where they are kept."""

    def __init__(self, load: Callable[[], Sequence[RAIdentity]]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._identities = self._sorted()
        self._reloaded_at: datetime | None = None

    def current(self, now: datetime, issuer: Certificate | None = None) -> RAIdentity:
        """The identity that GetCACert offers: one that `issuer` has certified, if there is one.

        Raises KeyUnavailable when none is valid.
        """
        if not self._certified_by(issuer, now):
            self.reload(now)  # a CA that has just taken over has brought its own
        alive = self._certified_by(issuer, now) or self.identities(now)
        settled = [identity for identity in alive if now - identity.since >= OFFERED_AFTER]
        if not alive:
            raise KeyUnavailable("no valid RA certificate; run: python manage.py ca renew-ra")
        # A first identity has nobody before it to offer, so it need not settle.
        return settled[-1] if settled else alive[0]

    def identities(self, now: datetime) -> tuple[RAIdentity, ...]:
        """Every identity that is valid at `now`, oldest first."""
        return tuple(identity for identity in self._identities if identity.certificate.not_after > now)

    def reload(self, now: datetime) -> bool:
        """Read the identities again, at most once a minute; whether it was done."""
        with self._lock:
            if self._reloaded_at is not None and now - self._reloaded_at < _RELOAD_EVERY:
                return False
            self._reloaded_at = now
        self.refresh()
        return True

    def refresh(self) -> None:
        """Read the identities again, at once: for our own work, which no stranger can cause."""
        self._identities = self._sorted()

    def _certified_by(self, issuer: Certificate | None, now: datetime) -> tuple[RAIdentity, ...]:
        """All that are alive where no issuer is asked for."""
        alive = self.identities(now)
        return alive if issuer is None else tuple(each for each in alive if each.is_of(issuer))

    def _sorted(self) -> tuple[RAIdentity, ...]:
        return tuple(sorted(self._load(), key=lambda identity: identity.since))

    def needs_successor(self, now: datetime, issuer: Certificate | None = None) -> bool:
        """Whether the newest identity, of those that `issuer` has certified, has passed half its life."""
        alive = [identity.certificate for identity in self._certified_by(issuer, now)]
        if not alive:
            return True
        # By the certificate, not by `since`: a folder brought back from a backup has young files.
        newest = max(alive, key=lambda certificate: certificate.not_after)
        return now > newest.not_before + (newest.not_after - newest.not_before) / 2


def new_ra_certificate(issuer: Issuer, key: SigningKey, *, now: datetime, backdate: timedelta) -> Certificate:
    """The certificate of the next RA identity, for `key`. Raises KeyUnavailable, IssuanceFault."""
    organisation = [("O", value) for value in issuer.certificate.subject.values("O")]
    subject = Name.build([*organisation, ("CN", "Scepter SCEP RA")])
    spki = public_key_info(key)
    template = hierarchy.ra_template(spki, subject, not_before=now - backdate, life=LIFE + backdate)
    serial = make_serial(issuer.bound(template.not_after), secrets.token_bytes)
    return issuer.sign(issuer.compose(template, serial))
