"""Outside CAs for the contract of adapters: one over EST, and one as a package of its own would bring it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from shared.ca.ports import AdapterSettings, OutcomeUnknown, OutsideCA, OutsideRequest
from shared.errors import IssuancePending, IssuerUnavailable, PolicyViolation
from shared.x509.certificate import Certificate
from tests.est.authority import Authority, Manner
from tests.est.server import Breaks, ESTServer, Says

AUTHORITIES: dict[str, Authority] = {}
"""What the vendor's service is to the adapter below, by URL."""


class Vendor:
    """An OutsideCA as a vendor's package might have it; its service is an object of this process."""

    def __init__(self, settings: AdapterSettings) -> None:
        if settings.options.get("api_key") != "secret":
            raise ValueError("OPTIONS__API_KEY is missing")
        self.authority = AUTHORITIES[settings.url]
        self.script: list[Exception] = []
        self.known: dict[str, Certificate] = {}

    def enrol(self, request: OutsideRequest) -> Certificate:
        if self.script:
            raise self.script.pop(0)
        if request.identity not in self.known:  # its transaction number: the same order is one certificate
            made = self.authority.issue(x509.load_der_x509_csr(request.der), Manner())
            self.known[request.identity] = Certificate.from_der(made.public_bytes(Encoding.DER))
        return self.known[request.identity]

    def ca_certificates(self) -> Sequence[Certificate]:
        return [Certificate.from_der(each.public_bytes(Encoding.DER)) for each in self.authority.chain]


class Backing(Protocol):
    """A CA that can be told what to do with the next request."""

    @property
    def ca(self) -> OutsideCA: ...

    @property
    def chain(self) -> Sequence[x509.Certificate]: ...

    def refuse(self) -> None: ...

    def let_wait(self, seconds: int) -> None: ...

    def say_busy(self) -> None: ...

    def break_off(self) -> None: ...


@dataclass
class OverEST:
    server: ESTServer
    ca: OutsideCA

    @property
    def chain(self) -> Sequence[x509.Certificate]:
        return self.server.authority.chain

    def refuse(self) -> None:
        self.server.troubles.append(Says(400))

    def let_wait(self, seconds: int) -> None:
        self.server.troubles.append(Says(202, headers={"Retry-After": str(seconds)}))

    def say_busy(self) -> None:
        self.server.troubles.append(Says(503))

    def break_off(self) -> None:
        self.server.troubles.append(Breaks())


@dataclass
class OverVendor:
    ca: Vendor
    chain: Sequence[x509.Certificate] = field(init=False)

    def __post_init__(self) -> None:
        self.chain = self.ca.authority.chain

    def refuse(self) -> None:
        self.ca.script.append(PolicyViolation("no"))

    def let_wait(self, seconds: int) -> None:
        self.ca.script.append(IssuancePending("later", retry_after=seconds))

    def say_busy(self) -> None:
        self.ca.script.append(IssuerUnavailable("busy"))

    def break_off(self) -> None:
        self.ca.script.append(OutcomeUnknown("gone"))
