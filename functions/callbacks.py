"""The queue `result-callbacks`: results on their way to URLs of callers, tried again until they are taken."""

from __future__ import annotations

from typing import Any

import azure.functions as func
from pydantic import Field

from functions.messages import Message, handle
from shared.policy.callers import VoucherName
from shared.wiring import application

blueprint = func.Blueprint()
QUEUE = "result-callbacks"


class CallbackMessage(Message):
    """`body` is to be posted to `url`, signed with the secret for `caller`; `id` is the same whenever it is sent."""

    id: str = Field(min_length=1, max_length=256, pattern=r"^[\x21-\x7e]+$")
    caller: VoucherName
    url: str = Field(max_length=2048)
    body: dict[str, Any]


@blueprint.function_name("tell_result")
@blueprint.queue_trigger(arg_name="msg", queue_name=QUEUE, connection="AzureWebJobsStorage")
def tell_result(msg: func.QueueMessage) -> None:
    """Call the URL; a call that is not taken comes again with a growing delay, for a day."""
    handle(msg, CallbackMessage, QUEUE, _tell)


def _tell(message: CallbackMessage) -> None:
    app = application()
    app.callbacks.send(message.url, message.id, message.body, caller=message.caller, now=app.clock())
