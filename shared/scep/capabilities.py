"""What a client asks first: GetCACaps, derived from the table that accepts or refuses algorithms, and GetCACert."""

from __future__ import annotations

from shared.ca.ports import CAIdentity
from shared.ca.registration import RAIdentity
from shared.cms.algorithms import CIPHERS
from shared.cms.signing import degenerate
from shared.keys.digests import DIGESTS

_ALWAYS = ("POSTPKIOperation", "SCEPStandard", "Renewal")


def capabilities(*, allow_legacy: bool, next_ca: bool = False) -> str:
    """One keyword a line; GetNextCACert when there is a `next_ca` to get.

    SHA-384 must be among them: strongSwan 5.9 finds nothing else without it.
    """
    algorithms = (*CIPHERS, *DIGESTS)
    accepted = (each.scep_capability for each in algorithms if allow_legacy or not each.legacy)
    # A dict keeps the order and takes a keyword once: three key sizes are all called AES.
    keywords = (*filter(None, accepted), *_ALWAYS, *(["GetNextCACert"] if next_ca else []))
    return "\n".join(dict.fromkeys(keywords))


def ca_certificates(
    ra: RAIdentity, issuer: CAIdentity, *, with_root: bool, outside: CAIdentity | None = None
) -> bytes:
    """GetCACert's degenerate SignedData (RFC 8894 4.2.1.2): the RA first, its issuing CA, by setting the chain; where
    another CA issues than the RA's, that one and its chain too.

    Its media type is application/x-x509-ca-ra-cert, as there always is an RA.
    """
    found = [ra.certificate]
    for authority in (issuer, outside):
        if authority is not None:
            found += [authority.certificate, *(authority.chain if with_root else ())]
    return degenerate([certificate.der for certificate in found])
