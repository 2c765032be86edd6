"""ParcelStore in Azure Tables."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from azure.data.tables import TableClient, TableEntity

from shared.store import parcel_rows
from shared.store.addresses import encode
from shared.store.entity_table import EntityTable
from shared.store.parcels import Parcel, SealedPassword


class TableParcelStore:
    """ParcelStore."""

    def __init__(self, parcels: TableClient) -> None:
        self._parcels = EntityTable(parcels)

    def add(self, parcel: Parcel) -> None:
        self._parcels.insert(parcel_rows.parcel_row(parcel), "add")

    def find(self, user: str, thumbprint: str) -> Parcel | None:
        row = self._parcels.get(parcel_rows.address_of(user, thumbprint), "find")
        return None if row is None else _parcel(row)

    def of_user(self, user: str) -> Iterator[Parcel]:
        return map(_parcel, self._parcels.partition(encode(user), "of_user"))

    def all(self, start: str = "") -> Iterator[Parcel]:
        return map(_parcel, self._parcels.partitions(parcel_rows.users_from(start), "all"))

    def reseal(self, parcel: Parcel, password: SealedPassword) -> None:
        self._parcels.merge(parcel_rows.password_row(parcel, password), parcel.etag, "reseal")

    def note_failure(self, parcel: Parcel, failure: str, at: datetime | None) -> None:
        self._parcels.merge(parcel_rows.failure_row(parcel, failure, at), parcel.etag, "note_failure")

    def remove(self, user: str, thumbprint: str) -> None:
        self._parcels.delete(parcel_rows.address_of(user, thumbprint), "remove")


def _parcel(row: TableEntity) -> Parcel:
    return parcel_rows.parcel_of(row, row.metadata["etag"] or "")
