"""OCSP responders: certificates before they are signed and how they can be wrong; identities on a shelf."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec

from shared.asn1 import oids, writer
from shared.ca.responder_identity import ResponderIdentity, make_identity
from shared.ca.responding import DelegatedResponder
from shared.errors import KeyUnavailable
from shared.keys.ports import public_key_info
from shared.store.memory import MemoryStore
from shared.x509.extensions import Extension, extended_key_usage, key_usage, subject_alternative_name
from shared.x509.general_names import GeneralName
from tests.ca.drafts import Draft, good_draft, keys
from tests.ca.lists import Rules
from tests.scep.authority import DAY, NOW, World

NO_CHECK = Extension(oids.OCSP_NO_CHECK, False, writer.null())


def responder_draft() -> Draft:
    """A responder's certificate that `ca_certificate()` may sign as it is."""
    usage = extended_key_usage([oids.EKU_OCSP_SIGNING])
    draft = good_draft().but(extensions={usage.oid: usage, NO_CHECK.oid: NO_CHECK})
    return draft.but(not_before=NOW - 3 * DAY, not_after=NOW + 7 * DAY)


def _with(*extensions: Extension) -> Draft:
    return responder_draft().but(extensions={extension.oid: extension for extension in extensions})


def responder_rules() -> Rules:
    """Each a responder's certificate with one fault, and the finding that names it."""
    both = extended_key_usage([oids.EKU_OCSP_SIGNING, oids.EKU_CLIENT_AUTH])
    unlimited = good_draft().but(extensions={NO_CHECK.oid: NO_CHECK})
    drafts = {
        "responder that is a client too": (_with(both), "an OCSP responder has another purpose"),
        "responder that enciphers": (
            _with(key_usage(["digitalSignature", "keyEncipherment"])),
            "an OCSP responder has another key usage",
        ),
        "responder to be checked": (
            responder_draft().but(extensions={oids.OCSP_NO_CHECK: None}),
            "an OCSP responder without ocsp-nocheck",
        ),
        "responder with ocsp-nocheck critical": (
            _with(Extension(oids.OCSP_NO_CHECK, True, writer.null())),
            "has no rule here",
        ),
        "responder with something in ocsp-nocheck": (
            _with(Extension(oids.OCSP_NO_CHECK, False, writer.sequence())),
            "an OCSP responder without ocsp-nocheck",
        ),
        "responder that is a host": (
            _with(subject_alternative_name([GeneralName.dns("a.example.org")])),
            "an OCSP responder with alternative names",
        ),
        "responder with an RSA key": (
            responder_draft().for_key(public_key_info(keys("rsa responder", "rsa-2048"))),
            "an OCSP responder whose key is not on P-256",
        ),
        "responder with a key on P-384": (
            responder_draft().for_key(public_key_info(keys("p-384 responder", "p-384"))),
            "an OCSP responder whose key is not on P-256",
        ),
        "responder for long": (
            responder_draft().but(not_after=NOW + 7 * DAY + timedelta(seconds=1)),
            "an OCSP responder that would live too long",
        ),
        "responder that is a CA": (
            good_draft(ca=True).but(extensions={both.oid: extended_key_usage([oids.EKU_OCSP_SIGNING])}),
            "key usage does not fit",
        ),
        "device that goes unchecked": (unlimited, "only an OCSP responder goes unchecked"),
    }
    return {name: (draft.tbs(), finding) for name, (draft, finding) in drafts.items()}


@dataclass
class Shelf:
    """Where identities are kept. `away` makes it fail; `loads` counts how often it was read."""

    identities: list[ResponderIdentity] = field(default_factory=list)
    away: bool = False
    loads: int = 0

    def load(self) -> Sequence[ResponderIdentity]:
        self.loads += 1
        self._check()
        return list(self.identities)

    def add(self, identity: ResponderIdentity, now: datetime) -> None:
        self._check()
        self.identities.append(identity)

    def _check(self) -> None:
        if self.away:
            raise KeyUnavailable("the vault is away")


class Workshop:
    """A worker's responder over a shelf and a store that it may share; `made` is what its CA key has signed."""

    def __init__(
        self, shelf: Shelf | None = None, store: MemoryStore | None = None, algorithm: str = "p-256"
    ) -> None:
        self.issuer = World(algorithm).issuer
        self.shelf, self.store = shelf or Shelf(), store or MemoryStore()
        self.made: list[ResponderIdentity] = []
        self.broken = False
        self.responder = DelegatedResponder(
            self.issuer.certificate, self.shelf, self.store, make=lambda now: self.make(now)
        )

    def make(self, now: datetime) -> ResponderIdentity:
        if self.broken:
            raise KeyUnavailable("the CA key is away")
        self.made.append(identity(self, now))
        return self.made[-1]

    def current(self, now: datetime) -> str:
        """The serial of the identity that signs, which is what the test is about."""
        found = self.responder.current(now)
        assert isinstance(found.key, ec.EllipticCurvePrivateKey)
        return found.certificate.serial_hex


def identity(workshop: Workshop, now: datetime) -> ResponderIdentity:
    """An identity of the issuing CA, made at `now`."""
    return make_identity(workshop.issuer, now=now, backdate=DAY)


def serial(identity: ResponderIdentity) -> str:
    return identity.certificate.serial_hex
