"""Rows of any table <-> JSON, each value with the type that storage gave it ("Understanding the Table service data
model").

Text, Booleans and 32-bit integers are JSON's own; every other type is a pair of its Edm name and its text.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from azure.data.tables import EdmType, EntityProperty

from shared.errors import IssuanceFault, MalformedMessage

Item = dict[str, Any]
"""A row, blob or message as a line of a backup."""

_KEYS = ("PartitionKey", "RowKey")


def item_of(row: Mapping[str, Any]) -> Item:
    """The line of a row as the SDK read it. Timestamp and ETag are storage's own and not in it."""
    item = {key: row[key] for key in _KEYS}
    return item | {"values": {name: _told(value) for name, value in row.items() if name not in _KEYS}}


def row_of(item: Mapping[str, Any]) -> dict[str, Any]:
    """The row to write. Raises MalformedMessage for a line that no backup of ours has."""
    try:
        row = {key: str(item[key]) for key in _KEYS}
        return row | {name: _value(told) for name, told in item["values"].items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MalformedMessage("a line of the backup that is no row") from None


def _told(value: object) -> object:
    if isinstance(value, str | bool):
        return value
    if isinstance(value, EntityProperty):  # before int: the SDK wraps what would be taken for 32 bits
        return [EdmType(value.edm_type).value, str(value.value)]
    if isinstance(value, int):
        return value
    if isinstance(value, bytes):
        return [EdmType.BINARY.value, base64.b64encode(value).decode()]
    if isinstance(value, datetime):
        # Storage counts in 100 ns, Python in 1000: what came over the wire is kept.
        wire = getattr(value, "tables_service_value", "")
        return [EdmType.DATETIME.value, wire or value.astimezone(UTC).isoformat().replace("+00:00", "Z")]
    if isinstance(value, float):
        return [EdmType.DOUBLE.value, repr(value)]
    if isinstance(value, UUID):
        return [EdmType.GUID.value, str(value)]
    raise IssuanceFault(f"a value of type {type(value).__name__} that a backup does not know")


def _value(told: Any) -> object:  # noqa: ANN401 - JSON
    if isinstance(told, str | bool | int):
        return told
    kind, text = told
    edm = EdmType(kind)
    if edm is EdmType.BINARY:
        return base64.b64decode(text, validate=True)
    if edm is EdmType.DOUBLE:
        return float(text)
    if edm is EdmType.INT64:
        return EntityProperty(int(text), edm)
    return EntityProperty(str(text), edm)
