"""Reading a CRL of ours back (RFC 5280 5.1) without taking its list apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from shared.asn1 import oids, tags, values
from shared.asn1.reader import read_der, span
from shared.errors import MalformedMessage
from shared.x509 import crl_extensions
from shared.x509.crl_list import EntryList
from shared.x509.extensions import parse_extensions

_MOST_FIELDS: Final = 7  # of a TBSCertList; ours have all of them, the list perhaps not


@dataclass(frozen=True, slots=True)
class CRLOutline:
    """A CRL of ours without its entries, which stay where they are."""

    tbs: tuple[int, int]
    this_update: datetime
    next_update: datetime
    listed: EntryList = field(repr=False)
    extensions: Mapping[str, tuple[bool, bytes]] = field(repr=False)

    @property
    def number(self) -> int:
        """The CRL number. Raises MalformedMessage if there is none."""
        number = crl_extensions.parse_number(self.extensions, oids.CRL_NUMBER)
        if number is None:
            raise MalformedMessage("a CRL without a number")
        return number

    @property
    def base(self) -> int | None:
        """The BaseCRLNumber of a delta."""
        return crl_extensions.parse_number(self.extensions, oids.DELTA_CRL_INDICATOR)

    @property
    def distribution_point(self) -> str:
        """The URL in the IDP."""
        return crl_extensions.parse_distribution_point(self.extensions)


def read_outline(der: bytes) -> CRLOutline:
    """The fields of a CRL as we write it, however long its list is. Raises MalformedMessage."""
    tag, start, end = span(der, 0)
    if tag != tags.SEQUENCE or end != len(der):
        raise MalformedMessage("not a CRL")
    tag, first, beyond = span(der, start)
    if tag != tags.SEQUENCE:
        raise MalformedMessage("not a CRL")
    spans = [(first, *span(der, first))]
    while spans[-1][-1] < beyond and len(spans) < _MOST_FIELDS:
        spans.append((spans[-1][-1], *span(der, spans[-1][-1])))
    listed = EntryList(der, beyond, beyond)
    if len(spans) == _MOST_FIELDS:
        listed = EntryList(der, *_listed(spans.pop(5)))
    if len(spans) != _MOST_FIELDS - 1 or spans[-1][-1] != beyond:
        raise MalformedMessage("a CRL with other fields than ours have")
    version, _, _, this_update, next_update, extensions = (read_der(der[at:stop]) for at, _, _, stop in spans)
    if values.integer(version) != 1:
        raise MalformedMessage("a CRL that is not version 2")
    return CRLOutline(
        tbs=(start, beyond),
        this_update=values.time(this_update),
        next_update=values.time(next_update),
        listed=listed,
        extensions=parse_extensions(extensions.expect(tags.context(0)).only_child()),
    )


def _listed(field_span: tuple[int, int, int, int]) -> tuple[int, int]:
    _, tag, start, end = field_span
    if tag != tags.SEQUENCE or start == end:
        raise MalformedMessage("a CRL with something else than a list")
    return start, end
