"""Bodies of the management API: JSON to a frozen value, with an error that names the wrong fields and no values."""

from __future__ import annotations

from typing import TypeVar

import azure.functions as func
from pydantic import BaseModel, ConfigDict, ValidationError

from shared.errors import MalformedMessage

_LARGEST = 64 * 1024


class Body(BaseModel):
    """What every body has in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, populate_by_name=True)


B = TypeVar("B", bound=Body)


def read(req: func.HttpRequest, kind: type[B]) -> B:
    """The body of a request. Raises MalformedMessage."""
    body = req.get_body() or b"{}"
    if len(body) > _LARGEST:
        raise MalformedMessage("a body that is too large", public="The body is too large.")
    try:
        return kind.model_validate_json(body)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        text = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in details[:10]
        )
        fields = ", ".join(field.alias or name for name, field in kind.model_fields.items())
        raise MalformedMessage(
            f"{kind.__name__}: {text}", public=f"The body: {text}. Its fields: {fields}."
        ) from None
