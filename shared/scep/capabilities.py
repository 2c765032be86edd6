"""What a client asks first: GetCACaps, derived from the table that accepts or refuses algorithms, and GetCACert."""

from __future__ import annotations

from collections.abc import Iterable

from shared.ca.issuers import CAIdentity
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
    ra: RAIdentity, issuer: CAIdentity, *, with_root: bool, others: Iterable[CAIdentity] = ()
) -> bytes:
    """GetCACert's degenerate SignedData (RFC 8894 4.2.1.2): the RA first, the issuing CA, by setting its chain.

    Where the RA is of another CA, one of `others`, that comes next with its chain: clients judge the RA by it.
    """
    of_ra = () if ra.is_of(issuer.certificate) else [each for each in others if ra.is_of(each.certificate)]
    found = [ra.certificate]
    for authority in (*of_ra, issuer):
        found += [authority.certificate, *(authority.chain if with_root else ())]
    return degenerate(list(dict.fromkeys(certificate.der for certificate in found)))
