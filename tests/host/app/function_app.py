"""A function app with every binding the embedded host knows; what its functions saw goes to the file TEST_RECORD."""

import asyncio
import json
import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import List  # noqa: UP035 - the real worker refuses Out[list[str]]

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def record(function: str, **seen: object) -> None:
    """Append one JSON line; a single write, so lines of several threads do not mix."""
    line = json.dumps({"function": function, "at": time.time(), **seen}) + "\n"
    with Path(os.environ["TEST_RECORD"]).open("a", encoding="utf-8") as file:
        file.write(line)


def close() -> None:
    """What the embedded host calls at its end, while storage is there."""
    from azure.core.exceptions import AzureError
    from azure.storage.queue import QueueServiceClient

    connection = os.environ["AzureWebJobsStorage"]  # noqa: SIM112
    with (
        QueueServiceClient.from_connection_string(connection, retry_total=0) as storage,
        suppress(AzureError),
    ):
        record("close", queues=[queue.name for queue in storage.list_queues()])


def described(req: func.HttpRequest) -> dict[str, object]:
    return {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().hex(),
    }


@app.route(route="echo/{name:alpha}/{number:int?}")
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    names = {"invocation": context.invocation_id, "function": context.function_name}
    seen = {**described(req), **names, "thread": threading.current_thread().name}
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="files/{*rest}", methods=["GET", "PUT"])
async def files(req: func.HttpRequest) -> func.HttpResponse:
    seen = {**described(req), "thread": threading.current_thread().name}
    return func.HttpResponse(json.dumps(seen), mimetype="application/json")


@app.route(route="crl/{ca}/{count}-{number}.crl", methods=["GET"])
def shard(req: func.HttpRequest) -> str:
    return json.dumps(dict(req.route_params))


@app.route(route="crl/{ca}.crl", methods=["GET"])
def crl(req: func.HttpRequest) -> str:
    return json.dumps(dict(req.route_params))


@app.route(route="items/{id}", methods=["GET"])
def item(req: func.HttpRequest) -> str:
    return f"item {req.route_params['id']}"


@app.route(route="items/special", methods=["GET"])
def special_item(req: func.HttpRequest) -> str:
    return "special"


@app.route(route="items/{id:guid}", methods=["GET"])
def item_by_guid(req: func.HttpRequest) -> str:
    return "guid"


@app.route(route="headers")
def headers(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\x30\x00", status_code=201, mimetype="application/pkix-crl")
    response.headers.add("Link", "<one>")
    response.headers.add("Link", "<two>")
    response.headers.add("Set-Cookie", "a=1")
    response.headers.add("Set-Cookie", "b=2")
    return response


@app.route(route="nothing")
def nothing(req: func.HttpRequest) -> func.HttpResponse:
    return None  # type: ignore[return-value]  # and so fails


@app.route(route="fails")
def fails(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("a secret of the inside")


@app.route(route="keyed", auth_level=func.AuthLevel.FUNCTION)
def keyed(req: func.HttpRequest) -> str:
    return "function"


@app.route(route="restricted", auth_level=func.AuthLevel.ADMIN)
def restricted(req: func.HttpRequest) -> str:
    return "master"


@app.route(route="sleep")
def sleep(req: func.HttpRequest) -> str:
    record("sleep", began=True)
    time.sleep(float(req.params["seconds"]))
    record("sleep", thread=threading.current_thread().name)
    return "slept"


@app.route(route="rest")
async def rest(req: func.HttpRequest) -> str:
    await asyncio.sleep(float(req.params["seconds"]))
    return "rested"


@app.route(route="setting/{name}")
def setting(req: func.HttpRequest) -> str:
    return os.environ.get(req.route_params["name"], "")


@app.route(route="enqueue")
@app.queue_output(arg_name="out", queue_name="%TEST_PREFIX%-work", connection="AzureWebJobsStorage")
def enqueue(req: func.HttpRequest, out: func.Out[List[str]]) -> func.HttpResponse:  # noqa: UP006
    out.set(req.get_json())
    return func.HttpResponse(status_code=202)


@app.queue_trigger(arg_name="msg", queue_name="%TEST_PREFIX%-work", connection="AzureWebJobsStorage")
def work(msg: func.QueueMessage) -> None:
    body = msg.get_body()
    order = json.loads(body) if body.startswith(b"{") else {}
    record(
        "work",
        id=msg.id,
        body=body.hex(),
        tries=msg.dequeue_count,
        receipt=bool(msg.pop_receipt),
        times=[
            at and at.isoformat() for at in (msg.insertion_time, msg.expiration_time, msg.time_next_visible)
        ],
    )
    time.sleep(order.get("sleep", 0))
    if (msg.dequeue_count or 0) <= order.get("fail", 0):
        raise RuntimeError("told to fail")
    record("work done", body=body.hex())


@app.queue_trigger(arg_name="msg", queue_name="%TEST_PREFIX%-work-poison", connection="AzureWebJobsStorage")
def poisoned(msg: func.QueueMessage) -> None:
    record("poisoned", body=msg.get_body().hex(), tries=msg.dequeue_count)
    if b"stubborn" in msg.get_body():
        raise RuntimeError("fails here too")


@app.timer_trigger(arg_name="timer", schedule="%TEST_SCHEDULE%")
def tick(timer: func.TimerRequest) -> None:
    status, schedule = timer.schedule_status, timer.schedule  # type: ignore[attr-defined]  # the stub lags
    record("tick", past_due=timer.past_due, status=status, schedule=schedule)
    time.sleep(float(os.environ.get("TEST_TICK_SECONDS", "0")))
    record("tick done")


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *", run_on_startup=True)
async def at_start(timer: func.TimerRequest) -> None:
    record("at_start", past_due=timer.past_due)


@app.event_grid_trigger(arg_name="event")
def event(event: func.EventGridEvent) -> None:
    data = event.get_json()
    record("event", id=event.id, type=event.event_type, subject=event.subject, data=data)
    if data.get("fail"):
        raise RuntimeError("told to fail")
