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
    """Devices that send their first request, each with its own name, signer and, of 400, key."""

    def __init__(self, recipient: Certificate, name: str = "device") -> None:
        self.recipient, self.name = recipient, name
        self._keys = KeyPool()

    def subject(self, number: int) -> str:
        return f"CN={self.name}-{number}"

    def san(self, number: int) -> str:
        return f"dns:{self.name}-{number}.example.org"

    def prepare(self, number: int, challenge: str) -> Prepared:
        """The PKCSReq of device `number`, by SHA-256 and AES-128, which all servers advertise."""
        key, applicant = self._keys.key(number), Applicant.of(self.subject(number), [self.san(number)])
        signer, request = applicant.self_signed(key, now=now()), applicant.request(key, challenge=challenge)
        message, transaction, nonce = build_request(request, signer, self.recipient, cipher="aes-128-cbc")
        return Prepared(message, signer, transaction, nonce)


class KeyPool:
    """Many RSA-2048 keys at the price of few: each pairs a first prime with a second one of other keys.

    A server that keeps what it has read must not meet the same key again soon, as it would not in life. Keys that
    share primes are worth nothing: for measuring only.
    """

    def __init__(self, primes: int = 20) -> None:
        made = [rsa.generate_private_key(65537, 2048).private_numbers() for _ in range(primes)]
        self._first, self._second = [key.p for key in made], [key.q for key in made]

    def key(self, number: int) -> rsa.RSAPrivateKey:
        """The key `number`, modulo the square of how many primes there are."""
        count = len(self._first)
        p, q = self._first[number % count], self._second[number // count % count]
        d = pow(65537, -1, (p - 1) * (q - 1))
        public = rsa.RSAPublicNumbers(65537, p * q)
        numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
        return numbers.private_key(unsafe_skip_rsa_key_validation=True)


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
