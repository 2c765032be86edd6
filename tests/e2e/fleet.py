"""Many devices with certificates, put on record by the site's own CA without asking a host: seconds for a thousand."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.ca.authority import CertificateAuthority, Order
from shared.store.connection import StorageConnection
from shared.store.ports import Status
from shared.store.tables import TableStore
from tests.ca.stores import template
from tests.contracts.backend import table_store
from tests.e2e.site import Site


@dataclass(frozen=True)
class FleetOfRecord:
    """`serials` by device."""

    issuer: str
    store: TableStore
    serials: dict[str, str]

    def revoked(self) -> int:
        """How many are revoked."""
        return sum(record.status is Status.REVOKED for record in self.store.records(self.issuer))


@contextmanager
def fleet(site: Site, count: int) -> Iterator[FleetOfRecord]:
    """`count` devices with a certificate each, issued an hour ago."""
    connection = StorageConnection.from_connection_string(site.storage)
    connection.create_missing(public_containers=True)
    store = table_store(connection)
    issuer = site.ca.issuer(site.url)
    authority = CertificateAuthority(issuer, store)
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    def issue(number: int) -> tuple[str, str]:
        asked = template(number % 3)
        asked = type(asked)(asked.subject, asked.spki, then, then + timedelta(days=90), asked.extensions)
        order = Order(f"fleet-{number}", "device", "sealed:demo", device=f"fleet-{number}")
        return f"fleet-{number}", authority.issue(asked, order, now=then).record.serial

    with ThreadPoolExecutor(8) as pool:
        serials = dict(pool.map(issue, range(count)))
    yield FleetOfRecord(issuer.id, store, serials)
    connection.close()
