"""One table of Azure Tables: the few calls we make of it, each one request, with errors translated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from typing import Any, Final

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.data.tables import TableClient, TableEntity, TableTransactionError, UpdateMode

from shared.errors import Conflict
from shared.store.addresses import Address, Range
from shared.store.columns import Row
from shared.store.faults import code_of, is_missing, translate

# Every write of ours may be sent again: what was carried out already meets itself as a Conflict.
_WRITE: Final[dict[str, Any]] = {"retry_on_methods": frozenset(("POST", "PUT", "PATCH", "DELETE"))}
_INSERT: Final[dict[str, Any]] = {**_WRITE, "response_preference": "return-no-content"}
BATCH: Final = 100
"""Rows of one transaction at most."""
# A page of a scan may cost the service five seconds, and no device waits for one.
_PATIENT: Final[dict[str, Any]] = {"read_timeout": 20}


class EntityTable:
    """`act` in every method is the port's method, for the error's text."""

    def __init__(self, client: TableClient) -> None:
        self._client = client

    def insert(self, row: Row, act: str) -> str:
        """Returns the row's ETag. Raises Conflict if there is such a row."""
        try:
            return str(self._client.create_entity(row, **_INSERT)["etag"])
        except AzureError as error:
            raise translate(error, act) from None

    def insert_all(self, batch: list[Row], act: str) -> int | None:
        """Insert all rows (at most 100, one partition) or none; the index of the one that was there
        already."""
        try:
            self._client.submit_transaction([("create", row) for row in batch], **_WRITE)
        except TableTransactionError as error:
            if code_of(error) == "EntityAlreadyExists":
                return int(error.index)
            raise translate(error, act) from None
        except AzureError as error:
            raise translate(error, act) from None
        return None

    def upsert(self, row: Row, act: str) -> None:
        """Insert or replace."""
        try:
            self._client.upsert_entity(row, mode=UpdateMode.REPLACE)
        except AzureError as error:
            raise translate(error, act) from None

    def put_all(self, batch: list[Row], act: str) -> None:
        """Insert or replace all rows (at most 100, one partition) or none."""
        if len(batch) == 1:  # which needs no transaction
            return self.upsert(batch[0], act)
        changes = [("upsert", row, {"mode": UpdateMode.REPLACE}) for row in batch]
        try:
            self._client.submit_transaction(changes, **_WRITE)
        except AzureError as error:
            raise translate(error, act) from None
        return None

    def merge(self, row: Row, etag: str, act: str) -> str:
        """Merge into the row that has `etag`; returns the new one. Raises Conflict if it has another or is
        gone."""
        try:
            stored = self._client.update_entity(
                row,
                mode=UpdateMode.MERGE,
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
                **_WRITE,
            )
        except HttpResponseError as error:
            if is_missing(error):
                raise Conflict(f"{act}: the row is gone") from None
            raise translate(error, act) from None
        except AzureError as error:
            raise translate(error, act) from None
        return str(stored["etag"])

    def get(self, address: Address, act: str) -> TableEntity | None:
        """One point read."""
        try:
            return self._client.get_entity(address.partition, address.row)
        except ResourceNotFoundError as error:
            if is_missing(error):
                return None
            raise translate(error, act) from None
        except AzureError as error:
            raise translate(error, act) from None

    def delete(self, address: Address, act: str) -> None:
        """Delete the row if there is one."""
        try:
            self._client.delete_entity(address.partition, address.row)
        except AzureError as error:
            raise translate(error, act) from None

    def delete_as_read(self, address: Address, etag: str, act: str) -> None:
        """Delete the row if it still has `etag`, or is gone. Raises Conflict if it has another."""
        try:
            self._client.delete_entity(
                address.partition, address.row, etag=etag, match_condition=MatchConditions.IfNotModified
            )
        except AzureError as error:
            raise translate(error, act) from None

    def delete_all(self, batch: list[Address], act: str) -> None:
        """Delete the rows (at most 100, one partition), those that are there."""
        changes = [("delete", {"PartitionKey": key.partition, "RowKey": key.row}) for key in batch]
        try:
            self._client.submit_transaction(changes, **_WRITE)
        except TableTransactionError as error:
            if code_of(error) not in ("ResourceNotFound", "EntityNotFound"):
                raise translate(error, act) from None
            for address in batch:  # somebody else is at it too: a transaction is all or nothing
                self.delete(address, act)
        except AzureError as error:
            raise translate(error, act) from None

    def addresses(self, keys: Range, act: str) -> Iterator[Address]:
        """Where the rows of a range of partitions are, in order."""
        query = "PartitionKey ge @first and PartitionKey lt @beyond"
        parameters = {"first": keys.first, "beyond": keys.beyond}
        only = ["PartitionKey", "RowKey"]
        for row in self._scan(act, query, parameters, select=only, **_PATIENT):
            yield Address(row["PartitionKey"], row["RowKey"])

    def within(self, partition: str, rows: Range, act: str) -> Iterator[TableEntity]:
        """The rows of a partition whose row key is in `rows`, in order."""
        query = "PartitionKey eq @key and RowKey ge @first and RowKey lt @beyond"
        parameters = {"key": partition, "first": rows.first, "beyond": rows.beyond}
        return self._scan(act, query, parameters, **_PATIENT)

    def partition(self, key: str, act: str) -> Iterator[TableEntity]:
        """All rows of a partition, in order."""
        return self._scan(act, "PartitionKey eq @key", {"key": key}, **_PATIENT)

    def partitions(
        self,
        keys: Range,
        act: str,
        *,
        where: str = "",
        given: Mapping[str, str] | None = None,
        select: Sequence[str] = (),
    ) -> Iterator[TableEntity]:
        """The rows of a range of partitions, in order: all, or those that storage finds by the filter `where` with
        the parameters `given`; whole, or the columns `select`."""
        query = "PartitionKey ge @first and PartitionKey lt @beyond" + (f" and {where}" if where else "")
        parameters = {"first": keys.first, "beyond": keys.beyond, **(given or {})}
        return self._scan(act, query, parameters, select=list(select) or None, **_PATIENT)

    def everything(self, act: str, *, since: str = "", select: Sequence[str] = ()) -> Iterator[TableEntity]:
        """The rows of the whole table from the partition `since` on, in order; whole, or the columns `select`."""
        columns = list(select) or None
        return self._scan(act, "PartitionKey ge @since", {"since": since}, select=columns, **_PATIENT)

    def purge(self, keys: Range, most: int, act: str) -> int:
        """Delete the rows of a range of partitions, the first `most` of them; returns how many."""
        deleted = 0
        found = islice(self.addresses(keys, act), most)
        for _, rows in groupby(found, key=lambda address: address.partition):
            while batch := list(islice(rows, BATCH)):
                self.delete_all(batch, act)
                deleted += len(batch)
        return deleted

    def first(self, partition: str, rows: Range, act: str) -> TableEntity | None:
        """The first row of a partition whose row key is in `rows`."""
        query = "PartitionKey eq @key and RowKey ge @first and RowKey lt @beyond"
        parameters = {"key": partition, "first": rows.first, "beyond": rows.beyond}
        return next(self._scan(act, query, parameters, results_per_page=1), None)

    def _scan(
        self, act: str, query: str, parameters: dict[str, str], **options: object
    ) -> Iterator[TableEntity]:
        query_entities: Callable[..., Iterable[TableEntity]] = self._client.query_entities
        found = iter(query_entities(query, parameters=parameters, **options))
        while True:
            try:
                row = next(found)
            except StopIteration:
                return
            except AzureError as error:
                raise translate(error, act) from None
            yield row
