"""ScepRequestValidationFEService: validateRequest, successNotification, failureNotification."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Any

from fakes.microsoft.challenges import Challenges, Rejected
from fakes.microsoft.entra import SCEP_ROLE, Entra
from fakes.microsoft.graph import Graph
from fakes.microsoft.parts import Refused, Reply, Request, check_call, texts

VERSION = "2018-02-20"
_ACTIONS = ("validateRequest", "successNotification", "failureNotification")
_COMMON = ("transactionId", "certificateRequest", "callerInfo")
_ISSUED = (
    "certificateThumbprint",
    "certificateSerialNumber",
    "certificateExpirationDateUtc",
    "issuingCertificateAuthority",
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


@dataclass
class Scep:
    """`successes` and `failures` are the notifications that were accepted, in order."""

    entra: Entra
    graph: Graph
    challenges: Challenges = field(default_factory=Challenges)
    version: str = VERSION
    successes: list[dict[str, Any]] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)

    def act(self, request: Request) -> str | None:
        place, _, action = request.path.rpartition("/ScepActions/")
        here = request.method == "POST" and place == self.graph.scep_path() and action in _ACTIONS
        return action if here else None

    def answer(self, act: str, request: Request) -> Reply:
        self.entra.check(request, self.entra.intune_audience, SCEP_ROLE)
        document = check_call(request, self.version)
        wrapper = "request" if act == "validateRequest" else "notification"
        if not isinstance(document, dict) or set(document) != {wrapper}:
            raise Refused(400, f"not an object with {wrapper}")
        code = getattr(self, f"_{wrapper}")(act, document[wrapper])
        return Reply(200, {"code": code, "errorDescription": "" if code == "Success" else f"{code}, it says"})

    def _request(self, act: str, document: Any) -> str:
        given = texts(document, *_COMMON)
        try:
            self.challenges.check(_csr(given))
        except Rejected as rejected:
            return rejected.code
        return "Success"

    def _notification(self, act: str, document: Any) -> str:
        if act == "failureNotification":
            self._failure(document)
            return "Success"
        given = texts(document, *_COMMON, *_ISSUED, optional=("caConfiguration", "certificateAuthority"))
        _csr(given)
        if not re.fullmatch("[0-9A-F]{40}", given["certificateThumbprint"]):
            raise Refused(400, "certificateThumbprint")
        if not re.fullmatch("[0-9A-F]+", given["certificateSerialNumber"]):
            raise Refused(400, "certificateSerialNumber")
        if not _TIME.fullmatch(given["certificateExpirationDateUtc"]):
            raise Refused(400, "certificateExpirationDateUtc")
        self.successes.append(document)
        return "Success"

    def _failure(self, document: Any) -> None:
        result = document.pop("hResult", None)
        _csr(texts(document, *_COMMON, "errorDescription"))
        if type(result) is not int or not -(2**31) <= result < 2**31:
            raise Refused(400, "hResult")
        if len(document["errorDescription"]) > 255:
            raise Refused(400, "errorDescription")
        self.failures.append({**document, "hResult": result})


def _csr(given: dict[str, str]) -> bytes:
    try:
        return base64.b64decode(given["certificateRequest"], validate=True)
    except binascii.Error:
        raise Refused(400, "certificateRequest is not base64") from None
