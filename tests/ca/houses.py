"""Roots and CA certificates for tests of what is accepted and who issues; keys of the same name are the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from shared.asn1 import oids, writer
from shared.ca import hierarchy
from shared.keys import software
from shared.keys.ports import SigningKey, public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.certificate import Certificate, CertificateTemplate, assemble, compose_tbs
from shared.x509.extensions import (
    Extension,
    authority_key_identifier,
    basic_constraints,
    key_usage,
    subject_key_identifier,
)
from shared.x509.names import Name
from tests.scep.authority import DAY, NOW, URL

CA_USAGE = ("digitalSignature", "keyCertSign", "cRLSign")


@lru_cache
def key(name: str) -> SigningKey:
    return software.generate("p-256")


@lru_cache
def root(name: str = "Root", key_name: str = "") -> Certificate:
    subject = Name.build([("CN", name)])
    return hierarchy.self_signed_root(key(key_name or name), subject, not_before=NOW - DAY, life=7000 * DAY)


def issuing(
    name: str = "Issuing", *, of: str = "Root", begins: datetime = NOW - DAY, life: timedelta = 1800 * DAY
) -> Certificate:
    """Under the root called `of`, for the key called `name`."""
    return hierarchy.subordinate(
        root(of),
        key(of),
        spki=public_key_info(key(name)),
        subject=Name.build([("CN", name)]),
        not_before=begins,
        life=life,
        base_url=URL,
    )


def crl(of: str = "Root", *, at: datetime = NOW, life: timedelta = 365 * DAY) -> bytes:
    return hierarchy.root_crl(root(of), key(of), now=at, life=life)


def odd(
    *extensions: Extension,
    subject: str = "Issuing",
    begins: datetime = NOW - DAY,
    ends: datetime = NOW + 900 * DAY,
    issuer: Certificate | None = None,
    issuer_key: str = "Root",
    own_key: str = "Issuing",
) -> Certificate:
    """A certificate that a foreign root could send: nothing is linted. `extensions` take the place of usual ones."""
    parent, spki = issuer or root(), public_key_info(key(own_key))
    usual = {
        each.oid: each
        for each in (
            basic_constraints(True, 0),
            key_usage(CA_USAGE),
            subject_key_identifier(spki),
            authority_key_identifier(parent.subject_key_identifier or b""),
        )
    }
    for each in extensions:
        usual[each.oid] = each
    kept = tuple(each for each in usual.values() if each.value)
    name = Name.build([("CN", subject)] if subject else [])
    algorithm = signature_algorithm(key(issuer_key))
    template = CertificateTemplate(name, spki, begins, ends, kept)
    tbs = compose_tbs(template, serial=4711, issuer=parent.subject, signature_algorithm=algorithm)
    return Certificate.from_der(assemble(tbs, algorithm, sign(key(issuer_key), tbs)))


def without(oid: str) -> Extension:
    """Leaves an extension out of `odd`."""
    return Extension(oid, False, b"")


POISON = Extension("1.3.6.1.4.1.11129.2.4.3", True, writer.null())
NO_USAGE = without(oids.KEY_USAGE)
NO_KEY_ID = without(oids.SUBJECT_KEY_IDENTIFIER)
