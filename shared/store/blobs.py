"""PublicationStore in one container of Azure blobs. One put is one atomic request, conditions included."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobClient, ContainerClient, ContentSettings

from shared.errors import Conflict
from shared.store.faults import is_missing, translate
from shared.store.limits import check_publication, is_blob_name
from shared.store.ports import PublicationStatus, PublishedObject

_REMEMBERED_CLIENTS = 256


class BlobPublicationStore:
    """PublicationStore. `container` comes from `connection`."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container
        # Making a client costs as much as a request. Names come from strangers too, so this must not grow.
        self._blobs: dict[str, BlobClient] = {}

    def read(self, name: str) -> PublishedObject | None:
        if not is_blob_name(name):
            return None
        try:
            download = self._blob(name).download_blob()
            data = download.readall()
        except ResourceNotFoundError as error:
            if is_missing(error):
                return None
            raise translate(error, "read") from None
        except AzureError as error:
            raise translate(error, "read") from None
        found = download.properties
        return PublishedObject(data, dict(found.metadata or {}), str(found.etag), found.last_modified)

    def stat(self, name: str) -> PublicationStatus | None:
        if not is_blob_name(name):
            return None
        try:
            found = self._blob(name).get_blob_properties()
        except ResourceNotFoundError as error:
            if is_missing(error):
                return None
            raise translate(error, "stat") from None
        except AzureError as error:
            raise translate(error, "stat") from None
        return PublicationStatus(
            dict(found.metadata or {}), str(found.etag), int(found.size), found.last_modified
        )

    def put(
        self,
        name: str,
        data: bytes,
        *,
        content_type: str,
        max_age: int,
        metadata: Mapping[str, str] | None = None,
        replaces: PublishedObject | PublicationStatus | None = None,
        overwrite: bool = False,
    ) -> None:
        check_publication(name, metadata or {})
        settings = ContentSettings(content_type=content_type, cache_control=f"max-age={max_age}")
        condition: dict[str, Any] = {"overwrite": overwrite}
        if replaces is not None and not overwrite:
            condition = {
                "overwrite": True,
                "etag": replaces.etag,
                "match_condition": MatchConditions.IfNotModified,
            }
        try:
            self._blob(name).upload_blob(
                data, content_settings=settings, metadata=dict(metadata or {}), **condition
            )
        except ResourceNotFoundError as error:
            if is_missing(error):
                raise Conflict("put: the blob to replace is gone") from None
            raise translate(error, "put") from None
        except AzureError as error:
            raise translate(error, "put") from None

    def _blob(self, name: str) -> BlobClient:
        client = self._blobs.get(name)
        if client is None:
            client = self._container.get_blob_client(name)
            if len(self._blobs) >= _REMEMBERED_CLIENTS:
                self._blobs.clear()
            self._blobs[name] = client
        return client
