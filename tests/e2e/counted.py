"""The product's own composition over real storage, with every storage request and every CA-key signature counted."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from shared import config
from shared.ca.folder import CAFolder
from shared.keys.ports import SigningKey
from shared.store.connection import PARCELS, StorageConnection
from shared.store.transport import StorageTransport
from shared.wiring import Application
from shared.wiring.stores import QUEUES

# After the account's name: the table with the row's keys, the queue, or the container and the blob.
_RESOURCE = re.compile(r"https?://[^/]+/[^/]+/(?P<name>[$A-Za-z0-9-]+)")


class CountingTransport(StorageTransport):
    """Notes "METHOD resource" and the thread of each request that leaves, retries included."""

    def __init__(self, prefix: str) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.threads: list[int] = []
        self._prefix = prefix

    def send(self, request: Any, **options: Any) -> Any:
        found = _RESOURCE.match(request.url)
        assert found is not None, request.url
        self.threads.append(threading.get_ident())
        self.requests.append(f"{request.method} {found['name'].removeprefix(self._prefix)}")
        return super().send(request, **options)


class CountedFolder(CAFolder):
    """A folder whose issuing key, which is one of P-256, notes what it signs, and can do nothing else."""

    def __init__(self, path: Path, signatures: list[bytes]) -> None:
        super().__init__(path)
        self._signatures = signatures

    def key(self, name: str) -> SigningKey:
        held = super().key(name)
        if name != "issuing":
            return held
        assert isinstance(held, ec.EllipticCurvePrivateKey)

        def sign(_: object, data: bytes, algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
            self._signatures.append(bytes(data))
            return held.sign(data, algorithm)

        kind = ec.EllipticCurvePrivateKey
        members: dict[str, Any] = dict.fromkeys(kind.__abstractmethods__)
        members |= {"sign": sign, "public_key": lambda _: held.public_key(), "curve": held.curve}
        counting: SigningKey = type("CountingKey", (kind,), members)()
        return counting


class CountedApplication(Application):
    """`requests` and `signatures` grow with what the application does. `close` it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        super().__init__(config.load(environment), environment)
        self.transport = CountingTransport(self.settings.table_prefix)
        self.signatures: list[bytes] = []

    @property
    def requests(self) -> list[str]:
        return self.transport.requests

    @cached_property
    def storage(self) -> StorageConnection:
        connection = StorageConnection.from_connection_string(
            self.environment["AzureWebJobsStorage"],
            table_prefix=self.settings.table_prefix,
            transport=self.transport,
        )
        connection.create_missing(queues=QUEUES, public_containers=True, private_containers=[PARCELS])
        return connection

    @cached_property
    def ca_folder(self) -> CAFolder:
        return CountedFolder(self.settings.ca_folder, self.signatures)

    def close(self) -> None:
        super().close()
        self.transport.close()
