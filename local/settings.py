"""host.json and local.settings.json, read as the real host and Core Tools read them."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import AliasPath, BaseModel, Field, ValidationError

from local.failures import AppRefused

STORAGE, DEVELOPMENT_STORAGE = "AzureWebJobsStorage", "UseDevelopmentStorage=true"
File = TypeVar("File", bound=BaseModel)


def _at(*path: str, default: object = ..., **limits: Any) -> Any:  # noqa: ANN401 - as pydantic's Field
    return Field(default, validation_alias=AliasPath(*path), **limits)


class HostConfig(BaseModel, frozen=True):
    """What of host.json the embedded host honours; a limit of -1 is none."""

    version: Literal["2.0"]
    bundle: str = _at("extensionBundle", "version")  # without one the real host loads no queue trigger
    route_prefix: str = _at("extensions", "http", "routePrefix", default="api")
    max_concurrent: int = _at("extensions", "http", "maxConcurrentRequests", default=-1)
    max_outstanding: int = _at("extensions", "http", "maxOutstandingRequests", default=-1)
    batch_size: int = _at("extensions", "queues", "batchSize", default=16, ge=1, le=32)
    new_batch_threshold: int = _at("extensions", "queues", "newBatchThreshold", default=8, ge=0)
    max_dequeue_count: int = _at("extensions", "queues", "maxDequeueCount", default=5, ge=1)
    visibility_timeout: timedelta = _at(
        "extensions", "queues", "visibilityTimeout", default="00:00:00", validate_default=True
    )
    max_polling_interval: timedelta = _at(
        "extensions", "queues", "maxPollingInterval", default="00:00:02", validate_default=True
    )
    encoding: Literal["base64", "none"] = _at("extensions", "queues", "messageEncoding", default="base64")


class LocalSettings(BaseModel, frozen=True):
    """local.settings.json; like Core Tools it takes text values only."""

    encrypted: Literal[False] = _at("IsEncrypted", default=False)
    values: dict[str, str] = _at("Values", default={})
    port: int = _at("Host", "LocalHttpPort", default=7071)


def read(path: Path, kind: type[File]) -> File:
    """Raises AppRefused."""
    try:
        return kind.model_validate_json(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise AppRefused(f"{path} cannot be read: {error.strerror}") from error
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise AppRefused(f"{path.name}: {'; '.join(faults)}") from None  # its input may be a secret


def resolve(text: str) -> str:
    """Replace each %NAME% by that setting. Raises AppRefused."""
    for name in re.findall(r"%([^%\s]+)%", text):
        if not os.environ.get(name):
            raise AppRefused(f"The app names the setting {name}, which has no value.")
        text = text.replace(f"%{name}%", os.environ[name])
    return text
