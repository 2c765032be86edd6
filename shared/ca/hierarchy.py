"""The two tiers, RA and OCSP responder certificates, composed and linted like everything else (RFC 5280 4.2.1).

Pure: keys and times come in, certificates come out. Where they are kept is folder.py's business.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta

from shared.asn1 import oids, writer
from shared.ca.issuer import Locations, issuer_id
from shared.ca.lint import Linter, Signable
from shared.ca.signing import linting_key
from shared.errors import IssuanceFault
from shared.keys.ports import SigningKey, public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.certificate import Certificate, CertificateTemplate, assemble, compose_tbs
from shared.x509.crl import RevokedEntry, build_crl
from shared.x509.extensions import (
    Extension,
    authority_information_access,
    authority_key_identifier,
    basic_constraints,
    crl_distribution_points,
    extended_key_usage,
    key_identifier,
    key_usage,
    subject_key_identifier,
)
from shared.x509.names import Name
from shared.x509.serial import make_serial

_CA_USAGE = ("digitalSignature", "keyCertSign", "cRLSign")
_RA_USAGE = ("digitalSignature", "keyEncipherment")
_ROOT_RESPONDER_LIFE = timedelta(days=368)  # a year, and three days for clocks that are behind


def self_signed_root(key: SigningKey, subject: Name, *, not_before: datetime, life: timedelta) -> Certificate:
    """A root certificate: CA without path length, its own AKI left out (RFC 5280 4.2.1.1)."""
    template = _ca_template(subject, public_key_info(key), not_before, not_before + life, path_length=None)
    return _issue(template, subject, key, issuer=None)


def subordinate(
    root: Certificate,
    root_key: SigningKey,
    *,
    spki: bytes,
    subject: Name,
    not_before: datetime,
    life: timedelta,
    base_url: str,
    ocsp: bool = True,
) -> Certificate:
    """An issuing CA's certificate under `root`, path length 0. Its AIA and CDP name what the root has published.

    `ocsp`: the AIA also says where OCSP is.
    """
    end = min(not_before + life, root.not_after)
    extensions = _places_of(root, base_url, ocsp=ocsp)
    template = _ca_template(subject, spki, not_before, end, path_length=0, more=extensions)
    return _issue(template, root.subject, root_key, issuer=root)


def cross_certificate(
    root: Certificate,
    root_key: SigningKey,
    other: Certificate,
    *,
    not_before: datetime,
    life: timedelta,
    base_url: str,
    ocsp: bool = True,
) -> Certificate:
    """What `root` gives to the key of another CA: its name and key, path length 1 for a root and 0 for an issuing CA.

    Raises IssuanceFault, for one whose subject key identifier is not made as ours are, too.
    """
    end = min(not_before + life, root.not_after, other.not_after)
    is_root = other.subject.encoded == other.issuer.encoded
    template = _ca_template(
        other.subject,
        other.spki,
        not_before,
        end,
        path_length=1 if is_root else 0,
        more=_places_of(root, base_url, ocsp=ocsp),
    )
    if other.subject_key_identifier != key_identifier(other.spki):
        raise IssuanceFault(
            f"{other.subject.text()} has a key identifier of another kind: a path would not lead through it"
        )
    return _issue(template, root.subject, root_key, issuer=root)


def _places_of(root: Certificate, base_url: str, *, ocsp: bool) -> tuple[Extension, ...]:
    """Where `root` tells what it has published."""
    places = Locations(base_url, issuer_id(root.spki))
    return (
        authority_key_identifier(root.subject_key_identifier or b""),
        crl_distribution_points((places.crl,)),
        authority_information_access((places.ocsp,) if ocsp else (), (places.ca_certificate,)),
    )


def ra_template(spki: bytes, subject: Name, *, not_before: datetime, life: timedelta) -> CertificateTemplate:
    """The SCEP RA's certificate: signs replies and receives envelopes. Without EKU, which real clients check."""
    extensions = (basic_constraints(False), key_usage(_RA_USAGE), subject_key_identifier(spki))
    return CertificateTemplate(subject, spki, not_before, not_before + life, extensions)


def responder_template(
    spki: bytes, subject: Name, *, not_before: datetime, not_after: datetime
) -> CertificateTemplate:
    """An OCSP responder's certificate (RFC 6960 4.2.2.2): for that alone, and not to be checked itself."""
    extensions = (
        basic_constraints(False),
        key_usage(("digitalSignature",)),
        extended_key_usage((oids.EKU_OCSP_SIGNING,)),
        Extension(oids.OCSP_NO_CHECK, False, writer.null()),
        subject_key_identifier(spki),
    )
    return CertificateTemplate(subject, spki, not_before, not_after, extensions)


def root_responder(root: Certificate, root_key: SigningKey, template: CertificateTemplate) -> Certificate:
    """The certificate of whoever answers for the CAs under `root`; it lives long, as the root key is seldom at hand.

    Raises IssuanceFault for a template that is not a responder's.
    """
    identifier = authority_key_identifier(root.subject_key_identifier or b"")
    whole = replace(template, extensions=(*template.extensions, identifier))
    return _issue(whole, root.subject, root_key, issuer=root, kind=Signable.RESPONDER)


def root_crl(
    root: Certificate,
    key: SigningKey,
    *,
    now: datetime,
    life: timedelta,
    entries: Iterable[RevokedEntry] = (),
    number: int | None = None,
) -> bytes:
    """The root's CRL (DER), mostly empty. `number` has to be above that of the one before; the seconds are."""
    linter = Linter(frozenset({Signable.CRL}), signature_algorithm(key), root)
    return build_crl(
        issuer_certificate=root,
        signing_key=linting_key(key, linter),
        entries=entries,
        number=int(now.timestamp()) if number is None else number,
        this_update=now,
        next_update=now + life,
        next_publish=None,
    )


def _ca_template(
    subject: Name,
    spki: bytes,
    not_before: datetime,
    not_after: datetime,
    *,
    path_length: int | None,
    more: tuple[Extension, ...] = (),
) -> CertificateTemplate:
    own = (basic_constraints(True, path_length), key_usage(_CA_USAGE), subject_key_identifier(spki))
    return CertificateTemplate(subject, spki, not_before, not_after, (*own, *more))


def _issue(
    template: CertificateTemplate,
    issuer_name: Name,
    key: SigningKey,
    *,
    issuer: Certificate | None,
    kind: Signable = Signable.CA_CERTIFICATE,
) -> Certificate:
    algorithm = signature_algorithm(key)
    linter = Linter(frozenset({kind}), algorithm, issuer, responder_life=_ROOT_RESPONDER_LIFE)
    serial = int(make_serial(template.not_after, secrets.token_bytes), 16)
    tbs = compose_tbs(template, serial=serial, issuer=issuer_name, signature_algorithm=algorithm)
    return Certificate.from_der(assemble(tbs, algorithm, sign(linting_key(key, linter), tbs)))
