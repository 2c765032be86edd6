"""DeliveryStore in one private container of Azure blobs. One put is one atomic request, conditions included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.storage.blob import ContainerClient, ContentSettings

from shared.errors import Conflict
from shared.store.deliveries import Delivery
from shared.store.delivery_rows import delivery_of, metadata_of
from shared.store.faults import is_missing, translate
from shared.store.limits import check_publication, is_blob_name

_SETTINGS = ContentSettings(content_type="application/json", cache_control="no-store")


class BlobDeliveryStore:
    """DeliveryStore. `container` comes from `connection`."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    def put(self, delivery: Delivery) -> None:
        check_publication(delivery.id, metadata_of(delivery))
        self._upload(delivery, "put", overwrite=False)

    def find(self, identifier: str) -> Delivery | None:
        if not is_blob_name(identifier):
            return None
        try:
            download = self._container.get_blob_client(identifier).download_blob()
            content = download.readall()
        except ResourceNotFoundError as error:
            if is_missing(error):
                return None
            raise translate(error, "find") from None
        except AzureError as error:
            raise translate(error, "find") from None
        found = download.properties
        return delivery_of(identifier, content, dict(found.metadata or {}), str(found.etag))

    def close(self, delivery: Delivery) -> None:
        empty = replace(delivery, content=b"", over=True)
        try:
            self._upload(empty, "close", overwrite=True, **_unchanged(delivery))
        except ResourceNotFoundError:
            raise Conflict("close: the delivery is gone") from None

    def all(self) -> Iterator[Delivery]:
        try:
            for found in self._container.list_blobs(include=["metadata"]):
                yield delivery_of(found.name, b"", dict(found.metadata or {}), str(found.etag))
        except AzureError as error:
            raise translate(error, "all") from None

    def remove(self, delivery: Delivery) -> None:
        same = _unchanged(delivery) if delivery.etag else {}
        try:
            self._container.delete_blob(delivery.id, **same)
        except AzureError as error:
            if isinstance(error, HttpResponseError) and is_missing(error):
                return
            translated = translate(error, "remove")
            # A condition on a blob that is gone is not met either.
            if not isinstance(translated, Conflict) or self._exists(delivery.id):
                raise translated from None

    def _exists(self, identifier: str) -> bool:
        try:
            return bool(self._container.get_blob_client(identifier).exists())
        except AzureError as error:
            raise translate(error, "remove") from None

    def _upload(self, delivery: Delivery, act: str, **condition: Any) -> None:  # noqa: ANN401 - the SDK's own
        blob = self._container.get_blob_client(delivery.id)
        try:
            blob.upload_blob(
                delivery.content, content_settings=_SETTINGS, metadata=metadata_of(delivery), **condition
            )
        except ResourceNotFoundError as error:
            if is_missing(error):
                raise
            raise translate(error, act) from None
        except AzureError as error:
            raise translate(error, act) from None


def _unchanged(delivery: Delivery) -> dict[str, Any]:
    return {"etag": delivery.etag, "match_condition": MatchConditions.IfNotModified}
