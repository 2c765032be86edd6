"""Where parcels go: to Scepter, which delivers them itself, or to Intune, whose connector does."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from commands.session import Management
from shared.errors import DependencyError, PolicyViolation
from shared.pfx.connector_key import read_connector_key
from shared.pfx.graph_format import to_graph
from shared.pfx.import_keys import PADDING, ImportKey
from shared.pfx.parcel_order import ParcelOrder

if TYPE_CHECKING:
    from shared.intune.user_pfx import UserPFXCertificates

_GRAPH_LARGEST = 1024 * 1024


class Destination(Protocol):
    """Takes parcels whose passwords are sealed to `key`; `largest` is the size of a PFX at most."""

    @property
    def key(self) -> ImportKey: ...

    @property
    def largest(self) -> int: ...

    def known(self, user: str) -> dict[str, str]:
        """What is there of a user: purposes by thumbprint; a purpose is empty where it is not told."""

    def send(self, order: ParcelOrder) -> bool:
        """Whether it was there already. Raises RequestError, DependencyError."""


class Scepter:
    """A Destination: the management API."""

    def __init__(self, manage: Management) -> None:
        self._manage = manage
        told = manage.call("GET", "/manage/import-keys")
        current = told["current"]
        key = load_pem_public_key(current["publicKey"].encode())
        if not isinstance(key, rsa.RSAPublicKey) or current["paddingScheme"] != PADDING:
            raise DependencyError("the server has an import key of a kind that this version does not know")
        self.key = ImportKey(current["name"], current["version"], key)
        self.largest = int(told["largestPfx"])
        self._known: dict[str, dict[str, str]] = {}

    def known(self, user: str) -> dict[str, str]:
        if user not in self._known:
            found = self._manage.call("GET", "/manage/parcels", user=user, limit="1000")["parcels"]
            self._known[user] = {each["thumbprint"]: each["purpose"] for each in found}
        return self._known[user]

    def send(self, order: ParcelOrder) -> bool:
        repeated = bool(self._manage.call("POST", "/manage/parcels", order.document())["repeated"])
        if order.user in self._known:
            self._known[order.user][order.thumbprint] = order.purpose.value
        return repeated


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector of Microsoft's: the public key file that was exported there, and how it knows its key."""

    file: Path | None
    provider: str
    key_name: str

    def key(self) -> ImportKey:
        """Raises PolicyViolation unless all is given, MalformedMessage."""
        if self.file is None or not self.provider or not self.key_name:
            raise PolicyViolation(
                "--graph needs --connector-key, --provider and --key-name: what is in Intune is delivered by a "
                "Microsoft connector only, and it opens nothing but what is sealed to its own key; "
                "without --graph, Scepter delivers it"
            )
        return ImportKey(self.key_name, "", read_connector_key(self.file.read_bytes()))


@dataclass(slots=True)
class Intune:
    """A Destination: userPFXCertificate in Graph, for a connector to deliver."""

    certificates: UserPFXCertificates
    key: ImportKey
    provider: str
    largest: int = _GRAPH_LARGEST
    _known: dict[str, dict[str, str]] = field(default_factory=dict)

    def known(self, user: str) -> dict[str, str]:
        if user not in self._known:
            self._known[user] = dict.fromkeys(self.certificates.thumbprints(user), "")
        return self._known[user]

    def send(self, order: ParcelOrder) -> bool:
        if order.thumbprint in self.known(order.user):
            return True
        now = datetime.now(UTC).replace(microsecond=0)
        self.certificates.create(to_graph(order, provider=self.provider, padding=PADDING, created_at=now))
        self._known[order.user][order.thumbprint] = order.purpose.value
        return False
