"""An issuer believes no key: what a signature does not hold for is never handed out."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from shared.ca.issuer import Issuer
from shared.errors import IssuanceFault
from shared.keys import software
from shared.keys.ports import SigningKey
from tests.ca.tiers import device_of
from tests.scep.authority import URL, tiers


def impostor(public: SigningKey, signer: SigningKey) -> SigningKey:
    """Shows one key and signs with another, as a vault that mixes up its versions would."""
    kind = rsa.RSAPrivateKey if isinstance(public, rsa.RSAPrivateKey) else ec.EllipticCurvePrivateKey
    members: dict[str, Any] = dict.fromkeys(kind.__abstractmethods__)
    members |= {"sign": lambda _, *given: signer.sign(*given), "public_key": lambda _: public.public_key()}
    if isinstance(public, ec.EllipticCurvePrivateKey):
        members["curve"] = public.curve
    made: SigningKey = type("Impostor", (kind,), members)()
    return made


@pytest.mark.parametrize("algorithm", ["rsa-2048", "p-256"])
def test_a_signature_by_another_key_is_a_fault(algorithm: str) -> None:
    root, issuing, key, _ = tiers(algorithm)
    issuer = Issuer(issuing, (root,), impostor(key, software.generate(algorithm)), URL)
    honest = Issuer(issuing, (root,), impostor(key, key), URL)
    tbs = device_of(honest).tbs
    assert honest.sign(tbs).tbs == tbs
    with pytest.raises(IssuanceFault, match="signature that does not hold"):
        issuer.sign(tbs)
