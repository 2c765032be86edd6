"""Devices and their messages, made before anything is measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import rsa

from shared.policy.profiles import Profiles
from shared.scep.applicant import Applicant
from shared.scep.challenges.sealed import SealedChallenges
from shared.scep.client import Reply, Requester, build_request, read_reply
from shared.scep.mint import ChallengeMint
from shared.x509.certificate import Certificate

CALLER, SECRET = "bench", "a-secret-for-the-benchmark"
POLICY = """
version = 1
[profiles.device]
title = "Devices"
holder = "device"
challenge = "sealed"
subject.CN = { pattern = "[a-z0-9-]+", required = true }
san.dns = { pattern = "[a-z0-9-]+[.]example[.]org" }
key_usage = { allowed = ["digitalSignature", "keyEncipherment"] }
extended_key_usage = { allowed = ["clientAuth"] }
validity = 365
[[callers]]
name = "bench"
profiles = ["device"]
rate = "999999/second"
"""


def now() -> datetime:
    """The time now: UTC, whole seconds."""
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A pkiMessage that was made beforehand, and what it takes to read its answer."""

    message: bytes
    requester: Requester
    transaction_id: str
    nonce: bytes

    def read(self, answer: bytes, signer: Certificate) -> Reply:
        """The answer, verified and opened. Raises RequestError."""
        return read_reply(
            answer, self.requester, signer, transaction_id=self.transaction_id, nonce=self.nonce
        )


class Fleet:
    """Devices with one RSA-2048 key: a key for each would take long to make and change nothing for the server."""

    def __init__(self, recipient: Certificate, name: str = "device") -> None:
        self.recipient, self.name = recipient, name
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._signer = Applicant.of("CN=fleet").self_signed(self.key, now=now())

    def subject(self, number: int) -> str:
        return f"CN={self.name}-{number}"

    def san(self, number: int) -> str:
        return f"dns:{self.name}-{number}.example.org"

    def prepare(self, number: int, challenge: str) -> Prepared:
        """The PKCSReq of device `number`, by SHA-256 and AES-128, which all servers advertise."""
        request = Applicant.of(self.subject(number), [self.san(number)]).request(
            self.key, challenge=challenge
        )
        message, transaction, nonce = build_request(
            request, self._signer, self.recipient, cipher="aes-128-cbc"
        )
        return Prepared(message, self._signer, transaction, nonce)


class Mint:
    """Sealed challenges, minted in process with the server's own key."""

    def __init__(self, fernet_key: str | bytes) -> None:
        self.sealed = SealedChallenges([fernet_key])
        self._mint = ChallengeMint(Profiles.parse(POLICY), {CALLER: SECRET}, self.sealed)

    def challenge(self, fleet: Fleet, number: int) -> str:
        """For device `number`."""
        order = {"profile": "device", "subject": fleet.subject(number), "sans": [fleet.san(number)]}
        body = json.dumps(order | {"device": f"{fleet.name}-{number}"}).encode()
        return self._mint.mint(SECRET, body, now=now()).challenge
