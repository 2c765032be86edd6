"""A SCEP server over HTTP (RFC 8894 4), whoever made it: its operations, and what is wrong told with a remedy."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import httpx

from shared.errors import AlgorithmRefused, MalformedMessage, PKIError
from shared.scep.advertised import Capabilities, Finding
from shared.scep.ca_certificates import CACertificates

TIMEOUT_SECONDS = 30
PKI_MESSAGE = "application/x-pki-message"
_PATHS = "usual paths are /scep, /scep/PROFILE and /certsrv/mscep/mscep.dll, with or without /pkiclient.exe"
_REMEDIES: Mapping[int, str] = {
    400: "the server could not read it: is it https that the port speaks? does --legacy help? see its log",
    401: "devices have no password: SCEP must be open to them; is this the administrator's page?",
    403: "open the path to devices; some servers say this of a path or an operation they do not know",
    404: f"check the path: {_PATHS}",
    405: "allow POST at this path, or do not advertise POSTPKIOperation",
    411: "a proxy wants a Content-Length where this client sent one: look at the proxy",
    413: "allow bodies of 64 kB at the server and at every proxy",
    414: "allow request lines of 16 kB at the server and at every proxy, or advertise POSTPKIOperation",
    429: "too many requests: wait and try again",
    500: "the server has a fault of its own: see its log",
    502: "a proxy does not reach the server: is it running?",
    503: "the server is busy, or something it leans on is away: try again",
    504: "a proxy waits for the server in vain: see the server's log",
}
# In the words of OpenSSL and of the operating system, for httpx has no types for them
_CONNECTION_REMEDIES: Mapping[str, str] = {
    "CERTIFICATE_VERIFY_FAILED": "give the CA of its TLS certificate by --ca-file, or use http: SCEP protects its"
    " messages itself",
    "WRONG_VERSION_NUMBER": "the port speaks no TLS: try http://",
    "record layer failure": "the port speaks no TLS: try http://",
    "[SSL": "client and server agree on no TLS version or cipher: try http://",
    "refused": "is it running, and on this port? (make run)",
    "not known": "check the host's name, and DNS on this machine",
    "No address": "check the host's name, and DNS on this machine",
    "Temporary failure": "check DNS on this machine",
}


class ServerProblem(PKIError):
    """What keeps a client from using a server: `seen`, and the `remedy`."""

    def __init__(self, seen: str, remedy: str) -> None:
        super().__init__(f"{seen}; {remedy}")
        self.seen, self.remedy = seen, remedy


class SCEPServer:
    """The operations at a SCEP URL. `ca_identifier` is sent with GetCACaps and GetCACert if it is not empty."""

    def __init__(self, url: str, http: httpx.Client | None = None, *, ca_identifier: str = "") -> None:
        self.url = _checked(url)
        self._http = http or http_client()
        self._identifier = {"message": ca_identifier} if ca_identifier else {}

    def capabilities(self) -> Capabilities:
        """GetCACaps. Raises ServerProblem."""
        answer = self._get({"operation": "GetCACaps", **self._identifier})
        try:
            return Capabilities.parse(answer.content, _media_type(answer))
        except MalformedMessage as error:
            raise ServerProblem(error.reason, f"is this the SCEP URL? {_PATHS}") from None

    def ca_certificates(self, now: datetime) -> CACertificates:
        """GetCACert. Raises ServerProblem."""
        answer = self._get({"operation": "GetCACert", **self._identifier})
        try:
            return CACertificates.parse(answer.content, _media_type(answer), now=now)
        except MalformedMessage as error:
            reason = f"GetCACert ({_media_type(answer) or 'no media type'}): {error.reason}"
            remedy = (
                "it must be one certificate or certs-only PKCS #7, in DER; a server of several CAs wants --ca"
            )
            raise ServerProblem(reason, remedy) from None
        except AlgorithmRefused as error:
            raise ServerProblem(
                error.reason, "SCEP needs an RA, or a CA, with an RSA key of 2048 bits"
            ) from None

    def pki_operation(self, message: bytes, *, post: bool) -> tuple[bytes, tuple[Finding, ...]]:
        """The CertRep that answers `message`, sent by POST or by GET. Raises ServerProblem."""
        if post:
            answer = self._send("POST", {"operation": "PKIOperation"}, message)
        else:
            text = base64.b64encode(message).decode()
            answer = self._get({"operation": "PKIOperation", "message": text})
        found = _media_type(answer)
        if found == PKI_MESSAGE:
            return answer.content, ()
        if answer.content.lstrip()[:1] in (b"<", b"{"):
            raise ServerProblem(f"PKIOperation is answered with {found}", f"is this the SCEP URL? {_PATHS}")
        remedy = f"send {PKI_MESSAGE}, and nothing after it: some clients refuse all else"
        return answer.content, (Finding(f"the reply comes as {found or 'no media type'}", remedy),)

    def _get(self, query: Mapping[str, str]) -> httpx.Response:
        return self._send("GET", query, None)

    def _send(self, method: str, query: Mapping[str, str], content: bytes | None) -> httpx.Response:
        url = httpx.URL(self.url).copy_merge_params(dict(query))
        headers = {"Content-Type": PKI_MESSAGE} if content is not None else {}
        try:
            answer = self._http.request(method, url, content=content, headers=headers)
        except httpx.HTTPError as error:
            raise ServerProblem(f"{self.url} does not answer: {_said(error)}", _remedy_for(error)) from None
        if answer.status_code != 200:
            raise _refusal(f"{method} {query['operation']}", answer)
        return answer


def http_client(ca_file: Path | None = None) -> httpx.Client:
    """A client that follows no redirects, as SCEP clients do not. `ca_file` (PEM) is who may certify the server."""
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ServerProblem(f"{ca_file}: {error}", "--ca-file must be certificates in PEM") from None
    return httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False, verify=context)


def _checked(url: str) -> str:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise ServerProblem(f"{url}: {error}", "write it as http://host/path") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise ServerProblem(f"{url} is no address of the web", "write it as http://host/path")
    return url


def _refusal(operation: str, answer: httpx.Response) -> ServerProblem:
    status = answer.status_code
    if answer.is_redirect:
        where = answer.headers.get("location", "nowhere")
        return ServerProblem(
            f"{operation}: {status} to {where}", "use that address: devices follow no redirects"
        )
    words = (
        ""
        if answer.text.lstrip().startswith("<")
        else " ".join(answer.text.split())[:200].removeprefix(f"{status} ")
    )
    wait = answer.headers.get("retry-after")
    after = f" (in {wait} s)" if wait and wait.isdigit() else ""
    remedy = _REMEDIES.get(status, "no SCEP server answers like this: check the address")
    return ServerProblem(f"{operation}: {status} {words}".rstrip(), remedy + after)


def _remedy_for(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return "does a firewall drop what this machine sends? is it the right port?"
    for words, remedy in _CONNECTION_REMEDIES.items():
        if words in str(error):
            return remedy
    return "does the port speak http? try https://"


def _said(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"nothing in {TIMEOUT_SECONDS} s"
    return str(error) or type(error).__name__


def _media_type(answer: httpx.Response) -> str:
    found: str = answer.headers.get("content-type", "")
    return found.partition(";")[0].strip().lower()
