"""Requests for an issuing CA's certificate and an OCSP responder's (RFC 2986), signed by the key to be certified."""

from __future__ import annotations

from collections.abc import Sequence

from shared.asn1 import oids, tags, writer
from shared.errors import IssuanceFault, RequestError
from shared.keys.ports import SigningKey, public_key_info
from shared.keys.signatures import sign, signature_algorithm
from shared.x509.extensions import Extension, basic_constraints, key_usage, subject_key_identifier
from shared.x509.names import Name
from shared.x509.request import CertificateRequest

CA_USAGE = ("digitalSignature", "keyCertSign", "cRLSign")


def build_ca_request(key: SigningKey, subject: Name) -> bytes:
    """DER. It asks for a CA certificate of path length 0. Raises KeyUnavailable, IssuanceFault."""
    spki = public_key_info(key)
    wanted = (basic_constraints(True, 0), key_usage(CA_USAGE), subject_key_identifier(spki))
    return _build(key, subject, wanted)


def build_responder_request(key: SigningKey) -> bytes:
    """DER, for the key of an OCSP responder: the root decides on everything but the key."""
    return _build(
        key, Name.build([("CN", "OCSP responder")]), (subject_key_identifier(public_key_info(key)),)
    )


def _build(key: SigningKey, subject: Name, wanted: Sequence[Extension]) -> bytes:
    spki = public_key_info(key)
    extensions = writer.sequence(*(each.encoded for each in wanted))
    attribute = writer.sequence(writer.oid(oids.EXTENSION_REQUEST), writer.set_of([extensions]))
    info = writer.sequence(
        writer.integer(0),
        subject.encoded,
        spki,
        writer.tlv(tags.context(0), attribute),
    )
    algorithm = signature_algorithm(key)
    der = writer.sequence(info, algorithm, writer.bit_string(sign(key, info)))
    try:
        CertificateRequest.from_der(der)  # which verifies that the key signed it
    except RequestError as error:
        raise IssuanceFault(f"the request that was just signed does not hold: {error.reason}") from error
    return der
