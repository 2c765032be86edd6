"""PrivateBlobs in one container of Azure blobs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from azure.core.exceptions import AzureError, HttpResponseError
from azure.storage.blob import ContainerClient

from shared.store.faults import code_of, is_missing, translate
from shared.store.limits import check_blob_name, check_blob_size, is_blob_name

_EMPTY = "InvalidRange"
"""What storage calls the beginning of a blob that has none."""


class StoragePrivateBlobs:
    """PrivateBlobs. `container` comes from `connection`."""

    def __init__(self, container: ContainerClient) -> None:
        self._container = container

    def put(self, name: str, data: bytes) -> None:
        self._upload(name, data, overwrite=True)

    def create(self, name: str, data: bytes) -> None:
        self._upload(name, data, overwrite=False)

    def read(self, name: str, most: int) -> bytes | None:
        if not is_blob_name(name):
            return None
        try:
            data = self._container.download_blob(name, offset=0, length=most + 1).readall()
        except HttpResponseError as error:
            if is_missing(error):
                return None
            if code_of(error) == _EMPTY:
                return b""
            raise translate(error, "read") from None
        except AzureError as error:
            raise translate(error, "read") from None
        return check_blob_size(name, data, most)

    def remove(self, name: str) -> None:
        try:
            self._container.delete_blob(name)
        except HttpResponseError as error:
            if not is_missing(error):
                raise translate(error, "remove") from None
        except AzureError as error:
            raise translate(error, "remove") from None

    def older(self, prefix: str, before: datetime) -> Iterator[str]:
        try:
            for blob in self._container.list_blobs(name_starts_with=prefix):
                if blob.last_modified < before:
                    yield str(blob.name)
        except AzureError as error:
            raise translate(error, "older") from None

    def _upload(self, name: str, data: bytes, *, overwrite: bool) -> None:
        check_blob_name(name)
        try:
            self._container.upload_blob(name, data, overwrite=overwrite)
        except AzureError as error:
            raise translate(error, "put") from None
