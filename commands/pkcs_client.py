"""A client of the paths for orders and deliveries: the caller who orders, and the device that fetches and opens."""

from __future__ import annotations

import json
import os
import time
from base64 import b64decode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from shared.errors import DependencyError, IntegrityFailure, RequestError
from shared.pfx.opening import open_sealed
from shared.x509.certificate import Certificate

_PAUSE = 0.2
_WAITING = ("accepted", "begun")


@dataclass(frozen=True, slots=True)
class OpenedDelivery:
    """What a device gets out of its delivery."""

    pfx: bytes = field(repr=False)
    password: str = field(repr=False)
    certificate: Certificate

    def write(self, path: Path) -> Path:
        """The PFX to `path`, its password beside it, both for their owner only; where the password is."""
        beside = path.with_name(f"{path.name}.password")
        for target, data in ((path, self.pfx), (beside, self.password.encode())):
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
        return beside


class PKCSClient:
    """Speaks to the function app at `url` as the caller that has `secret`."""

    path = "/pkcs/requests"

    def __init__(self, url: str, secret: str) -> None:
        self._caller = {"Authorization": f"Bearer {secret}"}
        self._url = url.rstrip("/")

    def order(self, order: dict[str, Any]) -> dict[str, Any]:
        """How the order stands right after it was accepted. Raises DependencyError, RequestError."""
        told: dict[str, Any] = self._call("POST", self.path, self._caller, json=order).json()
        return told

    def status(self, identifier: str) -> dict[str, Any]:
        """How an order stands now."""
        told: dict[str, Any] = self._call("GET", f"{self.path}/{identifier}", self._caller).json()
        return told

    def wait(self, identifier: str, seconds: float) -> dict[str, Any]:
        """How an order ended. Raises DependencyError if it has not within `seconds`, RequestError if it failed."""
        deadline = time.monotonic() + seconds
        while (told := self.status(identifier))["state"] in _WAITING:
            if time.monotonic() > deadline:
                raise DependencyError(
                    f"order {identifier} is not done after {seconds:.0f} s; ask again later"
                )
            time.sleep(_PAUSE)
        if told["state"] == "failed":
            raise RequestError(
                f"order {identifier} failed: {told.get('reason') or told.get('failure') or 'nobody knows why'}"
            )
        return told

    def fetch(self, told: dict[str, Any], key: object) -> OpenedDelivery:
        """The delivery of an order, opened with the device's private key. Raises RequestError."""
        return opened(self.fetch_document(told), key)

    def fetch_document(self, told: dict[str, Any]) -> dict[str, Any]:
        """The delivery of an order as it comes. Raises RequestError."""
        answer = self._call("GET", told["delivery"], {"Authorization": f"Bearer {told['key']}"})
        document: dict[str, Any] = json.loads(answer.content)
        return document

    def acknowledge(self, told: dict[str, Any]) -> None:
        """The device has it."""
        self._call("DELETE", told["delivery"], {"Authorization": f"Bearer {told['key']}"})

    def _call(self, method: str, path: str, headers: dict[str, str], json: object = None) -> httpx.Response:
        try:
            url = f"{self._url}{path}"
            answer = httpx.request(method, url, headers=headers, json=json, timeout=30, trust_env=False)
        except httpx.TransportError as error:
            raise DependencyError(
                f"{self._url} does not answer: {error}; is it running? (make run)"
            ) from None
        if answer.status_code >= 400:
            raise RequestError(f"{method} {path}: {answer.status_code} {answer.text.strip()}")
        return answer


class PFXClient(PKCSClient):
    """The same for imported PFX files."""

    path = "/pfx/requests"


def opened(document: dict[str, Any], key: object) -> OpenedDelivery:
    """A delivery, opened by whichever of its forms the key opens. Raises RequestError."""
    refusal: RequestError = IntegrityFailure("the delivery has no password in it")
    for sealed in document["password"]:
        try:
            password = open_sealed(sealed["form"], b64decode(sealed["data"]), key).decode("ascii")
        except RequestError as error:
            refusal = error
            continue
        return OpenedDelivery(
            b64decode(document["pfx"]), password, Certificate.from_der(b64decode(document["certificate"]))
        )
    raise refusal


def read_key(path: Path) -> object:
    """A private key in PEM, as a device has it. Raises RequestError."""
    try:
        return load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        raise RequestError(f"{path} holds no private key in PEM that opens without a password") from None
