"""CRLs and requests before they are signed, and how each can be wrong."""

from __future__ import annotations

from datetime import datetime

from shared.asn1 import oids, writer
from shared.keys.ports import public_key_info
from shared.keys.signatures import signature_algorithm
from shared.x509.crl_extensions import delta_crl_indicator, freshest_crl, issuing_distribution_point
from shared.x509.extensions import Extension, authority_key_identifier
from shared.x509.names import Name
from tests.ca.drafts import CA_NAME, ca_certificate, keys
from tests.scep.authority import DAY, NOW

Rules = dict[str, tuple[bytes, str]]

NUMBER = Extension(oids.CRL_NUMBER, False, writer.integer(7))
BASE = delta_crl_indicator(7)
POINT = issuing_distribution_point("http://pki.example.org/crl/a/16-3.crl")
NAMELESS = writer.sequence(writer.context(0, writer.context(0, writer.context(6, b"", constructed=False))))
STRANGER = Name.build([("CN", "Somebody else")])


def crl(
    *,
    algorithm: bytes | None = None,
    issuer: bytes = CA_NAME.encoded,
    this_update: datetime = NOW,
    next_update: datetime | None = NOW + DAY,
    entries: bytes = b"",
    extensions: tuple[Extension, ...] | None = None,
    more: bytes = b"",
) -> bytes:
    """A TBSCertList that `ca_certificate()` may sign as it is."""
    if extensions is None:
        extensions = (authority_key_identifier(ca_certificate().subject_key_identifier or b""), NUMBER)
    return writer.sequence(
        writer.integer(1),
        algorithm or signature_algorithm(keys("ca")),
        issuer,
        writer.time(this_update),
        writer.time(next_update) if next_update else b"",
        entries,
        writer.context(0, writer.sequence(*(extension.encoded for extension in extensions))),
        more,
    )


def request(*, subject: bytes = CA_NAME.encoded, spki: bytes | None = None, more: bytes = b"") -> bytes:
    """A CertificationRequestInfo for the CA's own name and key."""
    key = spki or public_key_info(keys("ca"))
    return writer.sequence(writer.integer(0), subject, key, writer.context(0, b""), more)


def crl_rules() -> Rules:
    """Each a CRL with one fault, and the finding that names it."""
    identifier = authority_key_identifier(ca_certificate().subject_key_identifier or b"")
    other = signature_algorithm(keys("ca"), "sha384")
    return {
        "CRL by another algorithm": (crl(algorithm=other), "signature algorithm is not the key's"),
        "CRL of somebody else": (crl(issuer=STRANGER.encoded), "issuer name is not the CA's subject"),
        "CRL without an end": (crl(next_update=None), "nextUpdate is missing"),
        "CRL that ends as it begins": (crl(next_update=NOW), "not after thisUpdate"),
        "CRL without number": (crl(extensions=(identifier,)), "CRL number missing"),
        "CRL with a negative number": (
            crl(extensions=(identifier, Extension(oids.CRL_NUMBER, False, writer.integer(-1)))),
            "a negative CRL number",
        ),
        "shard whose scope may be overlooked": (
            crl(extensions=(identifier, NUMBER, Extension(POINT.oid, False, POINT.value))),
            "of a CRL is not critical",
        ),
        "shard without a URL": (
            crl(extensions=(identifier, NUMBER, Extension(POINT.oid, True, NAMELESS))),
            "distribution point is not named by a URL",
        ),
        "delta that may be taken for a complete CRL": (
            crl(extensions=(identifier, NUMBER, Extension(BASE.oid, False, BASE.value))),
            "of a CRL is not critical",
        ),
        "delta that names a delta": (
            crl(extensions=(identifier, NUMBER, BASE, freshest_crl("http://pki.example.org/d.crl"))),
            "a delta CRL names a delta CRL",
        ),
        "delta from the future": (
            crl(extensions=(identifier, NUMBER, delta_crl_indicator(8))),
            "a delta CRL starts from a later one",
        ),
        "CRL without AKI": (crl(extensions=(NUMBER,)), "authority key identifier is not the CA's key"),
        "CRL with another AKI": (
            crl(extensions=(NUMBER, authority_key_identifier(b"x" * 20))),
            "authority key identifier is not the CA's key",
        ),
        "CRL with an empty list": (crl(entries=writer.sequence()), "an empty list of entries"),
        "CRL with more in it": (crl(more=writer.null()), "more fields"),
        "CRL with an unknown critical extension": (
            crl(extensions=(identifier, NUMBER, Extension("1.2.3.4", True, b"\x05\x00"))),
            "has no rule here",
        ),
    }


def request_rules() -> Rules:
    """Each a request with one fault, and the finding that names it."""
    return {
        "request for another name": (request(subject=STRANGER.encoded), "subject is not the CA's"),
        "request for another key": (
            request(spki=public_key_info(keys("other"))),
            "key is not the CA's",
        ),
        "request with more in it": (request(more=writer.null()), "more fields"),
    }
