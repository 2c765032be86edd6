"""Whether what an outside CA issued is what was asked for, before it goes on record (RFC 5280 4.1, 4.2).

The profile has said what may be certified; a CA of others has its own profile, and changes what it likes. What is more
or other than was granted does not leave; what is less is taken as far as the certificate is still of use.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

from shared.asn1 import oids
from shared.errors import IssuanceFault, RequestError
from shared.x509.certificate import Certificate, CertificateTemplate, verify_signature
from shared.x509.extension_values import parse_extended_key_usage, parse_key_usage
from shared.x509.general_names import GeneralName, parse_general_names, same_names

_SLACK: Final = timedelta(days=1)
"""A CA counts the life of a certificate from its own now, and some back-date it."""
_SKEW: Final = timedelta(minutes=5)
_CHECKED: Final = {
    oids.BASIC_CONSTRAINTS,
    oids.KEY_USAGE,
    oids.EXTENDED_KEY_USAGE,
    oids.SUBJECT_ALTERNATIVE_NAME,
    oids.SUBJECT_KEY_IDENTIFIER,  # how it is made is the CA's choice (RFC 5280 4.2.1.2)
}


def accept(
    certificate: Certificate, template: CertificateTemplate, authority: Certificate, now: datetime
) -> None:
    """Raises IssuanceFault that names every difference between `certificate` and `template` that matters."""
    try:
        found = list(differences(certificate, template, authority, now))
    except RequestError as error:
        raise IssuanceFault(f"the outside CA's certificate cannot be read: {error.reason}") from error
    if found:
        raise IssuanceFault(f"the outside CA's certificate is not what was asked for: {'; '.join(found)}")


def differences(
    certificate: Certificate, template: CertificateTemplate, authority: Certificate, now: datetime
) -> Iterator[str]:
    """What is other in `certificate` than `template` asks, a phrase each. Raises RequestError if it cannot be read."""
    wanted = {each.oid: (each.critical, each.value) for each in template.extensions}
    if certificate.spki != template.spki:
        yield "another key"
    if not certificate.subject.same_as(template.subject):
        yield f"subject {certificate.subject.text()!r:.200}, not {template.subject.text()!r:.200}"
    if not same_names(certificate.sans, _sans(wanted)):
        yield f"alternative names {_list(certificate.sans)}, not {_list(_sans(wanted))}"
    yield from _usages(certificate, wanted)
    yield from _validity(certificate, template, now)
    yield from _issuer(certificate, authority)
    if certificate.is_ca:
        yield "a CA certificate"
    yield from _extensions(certificate, wanted)


def _extensions(certificate: Certificate, wanted: Mapping[str, tuple[bool, bytes]]) -> Iterator[str]:
    for oid in wanted.keys() - _CHECKED:
        if certificate.extensions.get(oid, (False, b""))[1] != wanted[oid][1]:
            yield f"extension {oid} is missing or another"
    for oid, (critical, _) in certificate.extensions.items():
        # What changes who or what it is good for, and nobody granted: an account of Active Directory, and what makes
        # those who do not know it refuse the certificate.
        unasked = oid not in _CHECKED and oid not in wanted
        if unasked and (oid == oids.MS_NTDS_CA_SECURITY or (critical and oid != oids.CERTIFICATE_POLICIES)):
            yield f"extension {oid}, which nobody asked for"


def _usages(certificate: Certificate, wanted: Mapping[str, tuple[bool, bytes]]) -> Iterator[str]:
    """No more than was granted; of the key usages some, of the purposes all: without one it is of no use."""
    granted = parse_key_usage(wanted[oids.KEY_USAGE][1]) if oids.KEY_USAGE in wanted else frozenset()
    usage = certificate.key_usage
    if usage is None or not usage or not usage <= granted:
        yield f"key usage {_list(usage or ())}, not {_list(granted)}"
    purposes = wanted.get(oids.EXTENDED_KEY_USAGE)
    expected = set(parse_extended_key_usage(purposes[1])) if purposes else None
    found = certificate.extended_key_usage
    if (None if found is None else set(found)) != expected:
        yield f"purposes {_list(found or ())}, not {_list(expected or ())}"


def _validity(certificate: Certificate, template: CertificateTemplate, now: datetime) -> Iterator[str]:
    life = template.not_after - template.not_before
    if certificate.not_before > now + _SKEW:
        yield f"it begins later, {certificate.not_before.isoformat()}"
    if certificate.not_after <= now:
        yield f"it has ended, {certificate.not_after.isoformat()}"
    if certificate.not_after > now + life + _SLACK:
        yield f"it lives until {certificate.not_after.isoformat()}, longer than {life.days} days"


def _issuer(certificate: Certificate, authority: Certificate) -> Iterator[str]:
    if not certificate.issuer.same_as(authority.subject):
        yield f"issuer {certificate.issuer.text()!r:.200}, not {authority.subject.text()!r:.200}"
        return
    try:
        verify_signature(certificate, authority.public_key)
    except RequestError:
        yield "a signature that is not of the CA's key"


def _sans(wanted: Mapping[str, tuple[bool, bytes]]) -> tuple[GeneralName, ...]:
    value = wanted.get(oids.SUBJECT_ALTERNATIVE_NAME)
    return parse_general_names(value[1]) if value else ()


def _list(values: Iterable[GeneralName | str]) -> str:
    texts = [each if isinstance(each, str) else each.text() for each in values]
    return f"[{', '.join(sorted(texts))}]"[:300]
