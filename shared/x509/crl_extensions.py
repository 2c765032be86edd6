"""The extensions of a CRL (RFC 5280 5.2), and Windows' hint at the next publication: one builder for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from shared.asn1 import oids, tags, values, writer
from shared.asn1.reader import Fields, read_der
from shared.errors import MalformedMessage
from shared.x509.extensions import Extension, crl_distribution_points
from shared.x509.general_names import GeneralName


def crl_number(number: int) -> Extension:
    """cRLNumber (5.2.3)."""
    return Extension(oids.CRL_NUMBER, False, writer.integer(number))


def delta_crl_indicator(base: int) -> Extension:
    """deltaCRLIndicator, critical (5.2.4): the number of the complete CRL that the delta starts from."""
    return Extension(oids.DELTA_CRL_INDICATOR, True, writer.integer(base))


def issuing_distribution_point(url: str) -> Extension:
    """issuingDistributionPoint, critical (5.2.5): a full name, the very URL of the certificates' CDP."""
    name = writer.context(0, writer.context(0, GeneralName.uri(url).encoded))
    return Extension(oids.ISSUING_DISTRIBUTION_POINT, True, writer.sequence(name))


def freshest_crl(url: str) -> Extension:
    """freshestCRL (5.2.6): where the delta of a complete CRL is."""
    return Extension(oids.FRESHEST_CRL, False, crl_distribution_points((url,)).value)


def next_publish(moment: datetime) -> Extension:
    """When Windows may look for the next CRL, sooner than nextUpdate (szOID_CRL_NEXT_PUBLISH)."""
    return Extension(oids.MS_CRL_NEXT_PUBLISH, False, writer.time(moment))


def parse_number(extensions: Mapping[str, tuple[bool, bytes]], oid: str) -> int | None:
    """The CRL number or BaseCRLNumber, None if there is none. Raises MalformedMessage."""
    if oid not in extensions:
        return None
    number = values.integer(read_der(extensions[oid][1]))
    if number < 0:
        raise MalformedMessage("a negative CRL number")
    return number


def parse_distribution_point(extensions: Mapping[str, tuple[bool, bytes]]) -> str:
    """The URL in the issuingDistributionPoint as we write it, empty if there is none. Raises MalformedMessage."""
    if oids.ISSUING_DISTRIBUTION_POINT not in extensions:
        return ""
    fields = Fields(read_der(extensions[oids.ISSUING_DISTRIBUTION_POINT][1]).expect(tags.SEQUENCE))
    name = fields.take(tags.context(0)).only_child().expect(tags.context(0)).only_child()
    fields.finish()
    return name.expect(tags.context(6, constructed=False)).contents.decode("ascii", "replace")
