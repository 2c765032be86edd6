"""How much storage holds, and which names it takes. Memory keeps the same limits, so that tests feel them.

Sources: Microsoft's "Understanding the Table service data model", "Naming and referencing containers, blobs,
and metadata", "Scalability targets for Queue storage". Azurite enforces only some of them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from shared.errors import IssuanceFault, MalformedMessage

PROPERTY_BYTES = 64 * 1024
"""Of one property: octets, or characters in UTF-16."""
ENTITY_BYTES = 1024 * 1024
PROPERTIES = 252
"""Custom properties of an entity: all but PartitionKey, RowKey and Timestamp."""
SIGNATURE_ROOM = 2 * 1024
"""What a signature adds to a TBSCertificate at most (RSA with 8192 bits: about 1.1 KiB)."""
MESSAGE_BYTES = 48 * 1024
"""Of a message before base64, which makes 64 KiB of it."""
LONGEST_DELAY = 7 * 24 * 3600
METADATA_BYTES = 8 * 1024

_TOO_LARGE = "The request is larger than what can be put on record."
_BLOB_NAME = re.compile(r"(?=.{1,1024}\Z)[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*").fullmatch
_METADATA_NAME = re.compile(r"[a-z_][a-z0-9_]*").fullmatch
_METADATA_VALUE = re.compile(r"[!-~]([ -~]*[!-~])?").fullmatch


def check_row(row: Mapping[str, str | bytes | int]) -> None:
    """Raises MalformedMessage if a value or the whole is too large (sizes come from whoever asks),
    IssuanceFault if there are too many properties (their number is ours)."""
    if len(row) > PROPERTIES + 2:
        raise IssuanceFault(f"a row of {len(row) - 2} properties; storage takes {PROPERTIES}")
    total = 0
    for name, value in row.items():
        size = 2 * len(value) if isinstance(value, str) and value.isascii() else _size(name, value)
        if size > PROPERTY_BYTES:
            raise MalformedMessage(
                f"{name} takes {size} bytes; a property holds {PROPERTY_BYTES}", public=_TOO_LARGE
            )
        total += 12 + 2 * len(name) + size
    if total > ENTITY_BYTES:
        raise MalformedMessage(f"a row of {total} bytes; storage takes {ENTITY_BYTES}", public=_TOO_LARGE)


def _size(name: str, value: str | bytes | int) -> int:
    if isinstance(value, int):
        return 4
    if isinstance(value, bytes):
        return len(value)
    try:
        return len(value.encode("utf-16-le"))
    except UnicodeEncodeError:
        raise MalformedMessage(f"{name} is not Unicode text") from None


def check_tbs(tbs: bytes) -> None:
    """Raises MalformedMessage unless the signed certificate will fit into a property too: better known before
    a TBSCertificate is promised than after it is signed."""
    if len(tbs) > PROPERTY_BYTES - SIGNATURE_ROOM:
        raise MalformedMessage(
            f"a TBSCertificate of {len(tbs)} bytes cannot be put on record", public=_TOO_LARGE
        )


def is_blob_name(name: str) -> bool:
    """Whether `name` is one we use: segments of letters, digits, dot, dash and underscore, none starting with
    a dot. (HTTP clients resolve `..` in a URL: such a name would leave its container.)"""
    return _BLOB_NAME(name) is not None


def check_publication(name: str, metadata: Mapping[str, str]) -> None:
    """Raises IssuanceFault for a blob name or metadata that would not come back as they went."""
    if not is_blob_name(name):
        raise IssuanceFault(f"not a name for a publication: {name!r}")
    for key, value in metadata.items():
        if not _METADATA_NAME(key) or not _METADATA_VALUE(value):
            raise IssuanceFault(f"metadata {key!r} is not a small name with printable ASCII")
    if sum(len(key) + len(value) for key, value in metadata.items()) > METADATA_BYTES:
        raise IssuanceFault(f"metadata of {name} exceeds {METADATA_BYTES} bytes")


def check_blob_name(name: str) -> None:
    """Raises IssuanceFault for a name that would not come back as it went."""
    if not is_blob_name(name):
        raise IssuanceFault(f"not a name for a blob: {name!r:.80}")


def check_blob_size(name: str, data: bytes, most: int) -> bytes:
    """`data`, unless it is more than was asked for. Raises MalformedMessage."""
    if len(data) > most:
        raise MalformedMessage(
            f"blob {name} has more than {most} bytes", public=f"The PFX has more than {most // 1024} KiB."
        )
    return data


def message_body(message: Mapping[str, object], delay: int) -> str:
    """The message as compact JSON.

    Raises MalformedMessage if it is over 48 KiB or holds text that is not Unicode, IssuanceFault if it is not
    JSON or `delay` (seconds) is not within seven days.
    """
    if not 0 <= delay <= LONGEST_DELAY:
        raise IssuanceFault(f"a delay of {delay} s; queues take 0 to {LONGEST_DELAY}")
    try:
        body = json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        size = len(body.encode())
    except UnicodeEncodeError:
        raise MalformedMessage("a message with text that is not Unicode") from None
    except (TypeError, ValueError):
        raise IssuanceFault("a message that JSON cannot express") from None
    if size > MESSAGE_BYTES:
        raise MalformedMessage(f"a message of {size} bytes; a queue takes {MESSAGE_BYTES}", public=_TOO_LARGE)
    return body
