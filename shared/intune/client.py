"""Intune's services for a certificate authority of somebody else: SCEP requests and the revocation queue.

The calls and their bodies are those of Microsoft's library (github.com/microsoft/Intune-Resource-Access), which is
their only specification. Every call ends within its budget.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from shared.errors import IntuneUnavailable
from shared.intune.breaker import Breaker
from shared.intune.budget import within
from shared.intune.discovery import ServiceLocations
from shared.intune.pipeline import AGENT
from shared.intune.revocations import RevocationRequest, RevocationResult, requests_in
from shared.intune.tenant import Tenant
from shared.intune.verdicts import Outcome
from shared.intune.wire import Unserved, Wire

SCEP_SERVICE: Final = "ScepRequestValidationFEService"
CONNECTOR_SERVICE: Final = "PkiConnectorFEService"
MOST_REVOCATIONS: Final = 500
_LONGEST_DESCRIPTION: Final = 255
_SAID: Final = 500


@dataclass(frozen=True, slots=True)
class Issuance:
    """What Intune is told of a certificate. `thumbprint` is its SHA-1, `serial` its serial number: upper-case
    hexadecimal. Intune gives serial number and `configuration` back when it wants the certificate revoked."""

    transaction_id: str
    request: bytes = field(repr=False)
    thumbprint: str
    serial: str
    not_after: datetime
    authority: str
    configuration: str


class IntuneClient:
    """One integration. Thread-safe, and meant to live as long as the worker: it keeps tokens and locations.

    `seconds` is what the decision on a request may take, and again the notification of its outcome. Raised besides
    what each method says: CallRefused, when Intune finds a call itself wrong.
    """

    def __init__(self, tenant: Tenant, seconds: float) -> None:
        self.tenant, self._seconds = tenant, seconds
        self._wire = Wire(tenant)
        self._services = ServiceLocations(self._wire.get_from_graph, tenant.endpoints_url)
        self._breaker = Breaker()

    def validate(self, transaction_id: str, request: bytes) -> Outcome:
        """What Intune says of a PKCS #10 request (DER, as received). Raises IntuneUnavailable."""
        body = {"request": self._about(transaction_id, request)}
        with self._breaker.guard():
            return self._scep("validateRequest", body)

    def notify_success(self, issuance: Issuance) -> Outcome:
        """Tell of a certificate that was issued. Raises IntuneUnavailable."""
        not_after = issuance.not_after.astimezone(UTC)
        notification = {
            **self._about(issuance.transaction_id, issuance.request),
            "certificateThumbprint": issuance.thumbprint,
            "certificateSerialNumber": issuance.serial,
            "certificateExpirationDateUtc": f"{not_after:%Y-%m-%dT%H:%M:%S}.000Z",
            "issuingCertificateAuthority": issuance.authority,
            "caConfiguration": issuance.configuration,
            "certificateAuthority": issuance.authority,
        }
        return self._scep("successNotification", {"notification": notification})

    def notify_failure(self, transaction_id: str, request: bytes, result: int, description: str) -> Outcome:
        """Tell of a failure of ours after Intune allowed a request; `result` is a signed HRESULT. Raises
        IntuneUnavailable."""
        notification = {
            **self._about(transaction_id, request),
            "hResult": result,
            "errorDescription": description[:_LONGEST_DESCRIPTION] or "failed",
        }
        return self._scep("failureNotification", {"notification": notification})

    def download_revocations(
        self, most: int = MOST_REVOCATIONS, issuer: str | None = None
    ) -> tuple[RevocationRequest, ...]:
        """What Intune wants revoked: `most` (1 to 500) items at a time; they come again until they are answered.
        Raises IntuneUnavailable."""
        body = {"downloadParameters": {"maxRequests": most, "issuerName": issuer}}
        found = requests_in(self._connector("downloadRevocationRequests", body, repeatable=True))
        if found is None:
            raise IntuneUnavailable("downloadRevocationRequests: the answer is no list of requests")
        return found

    def upload_results(self, results: Sequence[RevocationResult]) -> None:
        """What became of revocation requests. Raises IntuneUnavailable unless Intune says that it is recorded."""
        body = {"results": [result.document() for result in results]}
        recorded = self._connector("uploadRevocationResults", body, repeatable=False).get("value")
        if recorded is not True and str(recorded).lower() != "true":
            raise IntuneUnavailable("uploadRevocationResults: the results were not recorded")

    def services(self) -> Mapping[str, str]:
        """Where all services are, by lower-case name, asked anew. Raises IntuneUnavailable."""
        with within(self._seconds):
            return self._services.look_again()

    @property
    def wire(self) -> Wire:
        """The connections, for other calls as the same identity."""
        return self._wire

    def close(self) -> None:
        """Close the connections."""
        self._wire.close()

    def _about(self, transaction_id: str, request: bytes) -> dict[str, Any]:
        return {
            "transactionId": transaction_id,
            "certificateRequest": b64encode(request).decode("ascii"),
            "callerInfo": AGENT,
        }

    def _scep(self, action: str, body: Mapping[str, Any]) -> Outcome:
        version = self.tenant.scep_api_version
        document = self._call(SCEP_SERVICE, f"ScepActions/{action}", body, version, repeatable=True)
        code = document.get("code")
        if not isinstance(code, str):
            raise IntuneUnavailable(f"{action}: an answer without a code")
        return Outcome(code, str(document.get("errorDescription") or "")[:_SAID])

    def _connector(self, action: str, body: Mapping[str, Any], *, repeatable: bool) -> Mapping[str, Any]:
        suffix, version = f"CertificateAuthorityRequests/{action}", self.tenant.revocation_api_version
        return self._call(CONNECTOR_SERVICE, suffix, body, version, repeatable=repeatable)

    def _call(
        self, service: str, suffix: str, body: Mapping[str, Any], version: str, *, repeatable: bool
    ) -> Mapping[str, Any]:
        """The answer's document. Where the service does not serve the call, Graph is asked whether it has moved."""
        act = suffix.rpartition("/")[2]

        def post(location: str) -> Mapping[str, Any]:
            url = f"{location}/{suffix}"
            answer = self._wire.post(url, body, api_version=version, act=act, repeatable=repeatable)
            if answer.ok and answer.document is not None:
                return answer.document
            raise answer.failure(act, repeatable=repeatable)

        with within(self._seconds):
            location = self._services.locate(service)
            try:
                return post(location)
            except Unserved as error:
                moved = self._services.relocate(service, location) if error.elsewhere else None
                if moved is None:
                    raise
                return post(moved)
