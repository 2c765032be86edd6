"""One CRL from its list: composed, linted inside the key, signed once, and read back before anybody sees it."""

from __future__ import annotations

from shared.asn1 import oids
from shared.ca.issuer import Issuer
from shared.errors import IssuanceFault, RequestError
from shared.x509.crl import parse_crl, verify_crl
from shared.x509.crl_list import EntryList
from shared.x509.crl_outline import read_outline
from shared.x509.crl_template import CRLTemplate, compose_crl, sign_crl


def signed_crl(issuer: Issuer, template: CRLTemplate, entries: EntryList, count: int) -> bytes:
    """DER of the CRL with `count` entries. Raises IssuanceFault if it is not what it should be, KeyUnavailable."""
    tbs = compose_crl(template, entries, issuer=issuer.certificate, algorithm=issuer.algorithm)
    der = sign_crl(tbs, issuer.key, issuer.algorithm)
    try:
        verify_crl(der, issuer.certificate.public_key)
        _read_back(der, template, entries, count)
    except RequestError as error:
        raise IssuanceFault(f"the CRL that was just signed does not verify: {error.reason}") from error
    return der


def _read_back(der: bytes, template: CRLTemplate, entries: EntryList, count: int) -> None:
    """By two readers: the library's, which counts for itself, and our own, which the next build will use."""
    theirs, ours = parse_crl(der), read_outline(der)
    listed, composed = (memoryview(each.data)[each.start : each.end] for each in (ours.listed, entries))
    expected = {extension.oid: (extension.critical, extension.value) for extension in template.extensions()}
    found = {
        oid: each for oid, each in ours.extensions.items() if oid != oids.AUTHORITY_KEY_IDENTIFIER
    }  # linted
    if (
        (theirs.number, theirs.base, len(theirs)) != (template.number, template.base, count)
        or (theirs.this_update, theirs.next_update) != (template.this_update, template.next_update)
        or found != expected
        or listed != composed
    ):
        raise IssuanceFault("the CRL does not read back as it was composed")
