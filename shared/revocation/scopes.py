"""What a CRL speaks for (RFC 5280 5, "scope"): a whole issuer, or one shard of its serial numbers.

The whole is always published, at a fixed URL and without IDP. A shard's URL is in the CDP of certificates and, byte for
byte, in the IDP of its CRL.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from shared.ca.issuer import Issuer

COUNTS = (2, 4, 8, 16, 32, 64, 128, 256)
"""What shard counts there can be: the powers of two that one octet tells apart."""


@dataclass(frozen=True, slots=True)
class CRLPlan:
    """What is published: `life` is the time from publication to nextUpdate of a complete CRL, `delta_life` that of a
    delta (None: no deltas), `shards` how many shards new certificates are spread over (0: none)."""

    life: timedelta
    delta_life: timedelta | None = None
    shards: int = 0

    @property
    def interval(self) -> timedelta:
        """From one publication to the next, revocations or not: half of the shorter life, so that the next is there
        long before the last one ends."""
        return min(self.life, self.delta_life or self.life) / 2


@dataclass(frozen=True, slots=True)
class Scope:
    """Shard `number` of `count`, or the whole issuer where `count` is 0. `name` and `delta_name` are of blobs."""

    base_url: str
    name: str
    count: int = 0
    number: int = 0

    @classmethod
    def whole(cls, issuer: Issuer) -> Scope:
        """The scope of the full CRL."""
        return cls(issuer.base_url, issuer.locations.crl.removeprefix(f"{issuer.base_url}/"))

    @classmethod
    def shard(cls, issuer: Issuer, count: int, number: int) -> Scope:
        """One shard."""
        url = issuer.locations.shard_crl(count, number)
        return cls(issuer.base_url, url.removeprefix(f"{issuer.base_url}/"), count, number)

    @property
    def distribution_point(self) -> str:
        """The URL for the IDP; empty for the whole."""
        return f"{self.base_url}/{self.name}" if self.count else ""

    @property
    def delta_name(self) -> str:
        return f"{self.name.removesuffix('.crl')}-delta.crl"

    @property
    def delta_url(self) -> str:
        return f"{self.base_url}/{self.delta_name}"


def shards(issuer: Issuer, count: int) -> Iterator[Scope]:
    """Every shard of `count`."""
    return (Scope.shard(issuer, count, number) for number in range(count))
