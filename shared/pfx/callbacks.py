"""Calling a URL of a caller with a signed body: https only, hosts from a list, and never an address that is not public.

The name is resolved here and the connection made to that very address, so that an answer of the DNS that changes
between the look and the call changes nothing. Redirects are not followed, proxies not asked.
"""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import SplitResult, urlsplit

from shared.errors import DependencyError, PolicyViolation
from shared.policy.refusal import quoted, refusal

Address = IPv4Address | IPv6Address
Sign = Callable[[str, str, int, bytes], str]
"""(secret, id, timestamp, body) -> the value of `webhook-signature`, as Standard Webhooks has it."""

_CONNECT_SECONDS, _READ_SECONDS = 5.0, 10.0
_HTTPS: Final = 443
_AZURE_PLATFORM: Final = ip_address(
    "168.63.129.16"
)  # a public address that every Azure host reaches the platform by
_NAT64: Final = ip_network("64:ff9b::/96")


def is_public(address: Address) -> bool:
    """Whether it is an address of the open Internet, and none that leads back in by another form."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _teredo(address) or _nat64(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and address != _AZURE_PLATFORM


def resolve(host: str, port: int) -> list[Address]:
    """The addresses of a host. Raises DependencyError."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise DependencyError(f"callback: {host} has no address now") from None
    return [ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


@dataclass(frozen=True, slots=True)
class Callbacks:
    """`hosts` are names, or `*.example.org` for all below one, with a port where it is not 443; `secrets` are the
    signing secrets by caller. What leads where is decided by `addresses` and `permits`."""

    hosts: Sequence[str]
    secrets: Mapping[str, str] = field(repr=False)
    sign: Sign
    addresses: Callable[[str, int], Sequence[Address]] = resolve
    permits: Callable[[Address], bool] = is_public
    trust: Callable[[], ssl.SSLContext] = ssl.create_default_context

    def check(self, url: str, caller: str) -> None:
        """Raises PolicyViolation unless results of the caller may go to the URL."""
        if caller not in self.secrets:
            raise refusal(
                "callback: the caller has no secret to sign with",
                f"SCEPTER_CALLBACK_SECRETS__{caller.upper()}",
            )
        self._target(url)

    def send(
        self, url: str, identifier: str, body: Mapping[str, object], *, caller: str, now: datetime
    ) -> None:
        """POST `body`, signed. Raises PolicyViolation for where it may not go, DependencyError until it is taken."""
        self.check(url, caller)
        parts, port = self._target(url)
        address = self._address(str(parts.hostname), port)
        data, timestamp = json.dumps(body, separators=(",", ":")).encode(), int(now.timestamp())
        headers = {
            "host": parts.netloc,
            "content-type": "application/json",
            "webhook-id": identifier,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": self.sign(self.secrets[caller], identifier, timestamp, data),
        }
        path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        status = self._post(str(parts.hostname), address, port, path, data, headers)
        if not 200 <= status < 300:
            raise DependencyError(f"callback: {parts.hostname} answered {status}")

    def _target(self, url: str) -> tuple[SplitResult, int]:
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port or _HTTPS
        except ValueError:
            raise refusal("callback: not a URL", quoted(url)) from None
        if not url.isascii() or not url.isprintable() or " " in url or parts.username or parts.password:
            raise refusal("callback: not a URL that can be called", quoted(url))
        if parts.scheme != "https" or not host:
            raise refusal("callback: the URL has to be https", quoted(url))
        _check_literal(host)
        if not any(_matches(pattern, host, port) for pattern in self.hosts):
            raise refusal("callback: the host is not among SCEPTER_CALLBACK_HOSTS", quoted(host))
        return parts, port

    def _address(self, host: str, port: int) -> Address:
        found = list(self.addresses(host, port))
        for address in found:
            if not self.permits(address):
                raise refusal(
                    "callback: the host leads to an address that is not public", f"{host}: {address}"
                )
        if not found:
            raise DependencyError(f"callback: {host} has no address now")
        return found[0]

    def _post(
        self, host: str, address: Address, port: int, path: str, data: bytes, headers: Mapping[str, str]
    ) -> int:
        from urllib3 import HTTPSConnectionPool, Timeout
        from urllib3.exceptions import HTTPError

        pool = HTTPSConnectionPool(
            str(address),
            port,
            timeout=Timeout(connect=_CONNECT_SECONDS, read=_READ_SECONDS),
            retries=False,
            ssl_context=self.trust(),
            server_hostname=host,
            assert_hostname=host,
        )
        with pool:
            try:
                answer = pool.urlopen(
                    "POST", path, body=data, headers=headers, redirect=False, preload_content=False
                )
                answer.release_conn()
            except HTTPError as error:
                raise DependencyError(
                    f"callback: {host} cannot be reached ({type(error).__name__})"
                ) from None
            return answer.status


def _check_literal(host: str) -> None:
    """An address in place of a name proves nothing to TLS and is in no list. Raises PolicyViolation."""
    try:
        address = ip_address(host)
    except ValueError:
        return
    kind = "an address that is not public" if not is_public(address) else "an address, not a name"
    raise PolicyViolation(f"callback: {address} is {kind}", public=f"callback: the host is {kind}.")


def _matches(pattern: str, host: str, port: int) -> bool:
    name, _, number = pattern.lower().partition(":")
    if port != int(number or _HTTPS):
        return False
    return host.endswith(name[1:]) and host != name[2:] if name.startswith("*.") else host == name


def _teredo(address: IPv6Address) -> IPv4Address | None:
    return address.teredo[1] if address.teredo else None


def _nat64(address: IPv6Address) -> IPv4Address | None:
    return IPv4Address(address.packed[-4:]) if address in _NAT64 else None
