"""PkiConnectorFEService: the revocation queue, whose items are leased and come back until they are answered."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from fakes.microsoft.entra import SCEP_ROLE, Entra
from fakes.microsoft.graph import Graph
from fakes.microsoft.parts import Refused, Reply, Request, check_call

VERSION = "5019-05-05"
_ACTIONS = ("downloadRevocationRequests", "uploadRevocationResults")
_NAMES = {
    "None": 0,
    "NonRetryableServiceException": 4000,
    "DataSerializationError": 4001,
    "ParameterDataInvalidError": 4002,
    "CryptographyError": 4003,
    "CertificateNotFoundError": 4004,
    "ConflictError": 4005,
    "NotSupportedError": 4006,
    "PayloadTooLargeError": 4007,
    "RetryableServiceException": 4100,
    "ServiceUnavailableException": 4101,
    "ServiceTooBusyException": 4102,
    "AuthenticationException": 4103,
}


@dataclass
class Item:
    """One certificate to revoke. `leases` are the contexts it was handed out under."""

    serial: str
    issuer: str | None
    configuration: str | None
    leased_until: float = 0.0
    leases: list[str] = field(default_factory=list)


@dataclass
class Revocations:
    """`results` are the answers by context, each as often as it came."""

    entra: Entra
    graph: Graph
    version: str = VERSION
    lease: float = 60.0
    twice: bool = False
    waiting: list[Item] = field(default_factory=list)
    results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, serial: str, issuer: str | None = None, configuration: str | None = None) -> Item:
        """Put a certificate into the queue."""
        item = Item(serial, issuer, configuration)
        with self._lock:
            self.waiting.append(item)
        return item

    def act(self, request: Request) -> str | None:
        place, _, action = request.path.rpartition("/CertificateAuthorityRequests/")
        here = request.method == "POST" and place == self.graph.connector_path() and action in _ACTIONS
        return action if here else None

    def answer(self, act: str, request: Request) -> Reply:
        self.entra.check(request, self.entra.intune_audience, SCEP_ROLE)
        document = check_call(request, self.version)
        with self._lock:
            return self._download(document) if act == _ACTIONS[0] else self._upload(document)

    def _download(self, document: Any) -> Reply:
        given = document.get("downloadParameters") if isinstance(document, dict) else None
        if not isinstance(given, dict) or set(given) - {"maxRequests", "issuerName"}:
            raise Refused(400, "not an object with downloadParameters")
        most, issuer = given.get("maxRequests"), given.get("issuerName")
        if type(most) is not int or not 1 <= most <= 500:
            raise Refused(400, "maxRequests is not within 1 and 500")
        now = time.monotonic()
        free = [item for item in self.waiting if now >= item.leased_until and issuer in (None, item.issuer)]
        found = []
        for item in free[:most]:
            item.leased_until = now + self.lease
            for _ in range(2 if self.twice else 1):
                item.leases.append(f"opaque-{secrets.token_hex(8)}")
                found.append(
                    {
                        "requestContext": item.leases[-1],
                        "serialNumber": item.serial,
                        "issuerName": item.issuer,
                        "caConfiguration": item.configuration,
                    }
                )
        context = "$metadata#Collection(microsoft.management.services.api.caRevocationRequest)"
        return Reply(200, {"@odata.context": context, "value": found})

    def _upload(self, document: Any) -> Reply:
        results = document.get("results") if isinstance(document, dict) else None
        if not isinstance(results, list) or not results:
            raise Refused(400, "not an object with results")
        for result in results:
            _check_result(result)
        for result in results:
            context = result["requestContext"]
            self.results.setdefault(context, []).append(result)
            if result["succeeded"] or _number(result) < 4100:
                self.waiting = [item for item in self.waiting if context not in item.leases]
        return Reply(200, {"value": True})


def _check_result(result: Any) -> None:
    if not isinstance(result, dict) or not result.get("requestContext"):
        raise Refused(400, "a result without requestContext")
    if type(result.get("succeeded")) is not bool:
        raise Refused(400, "a result without succeeded")
    if result["succeeded"] is not (_number(result) == 0):
        raise Refused(400, "a success with an error, or a failure without one")
    if result["succeeded"] and result.get("errorMessage"):
        raise Refused(400, "a success with a message")


def _number(result: dict[str, Any]) -> int:
    code = str(result.get("errorCode", "None" if result["succeeded"] else ""))
    if code in _NAMES:
        return _NAMES[code]
    if code.isdecimal() and int(code) in _NAMES.values():
        return int(code)
    raise Refused(400, f"errorCode {code}")
