"""Runs in Python 3.13 under Microsoft's worker library, without a host: indexes an app folder and invokes functions.

`python worker.py FOLDER RESULT` reads a JSON list of invocations from its standard input and writes to the file
RESULT: {"failure": text or null, "functions": {name: [binding, ...]}, "results": [...]}. It imports nothing of the
product but through the app. The seam (`native_invocation`) is an internal one of azure-functions-runtime 1.3.
"""

import asyncio
import json
import sys
import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from azure_functions_runtime import handle_event, native_invocation
from azure_functions_runtime.bindings.datumdef import Datum
from azure_functions_runtime.utils.threadpool import start_threadpool_executor, stop_threadpool_executor


class Message(SimpleNamespace):
    """Stands for any protobuf message: it holds what it is made with."""


class BindingInfo(Message):
    undefined, out, inout = 0, 1, 2


class StatusResult(Message):
    Failure, Success = 0, 1


def messages() -> SimpleNamespace:
    """The namespace of message classes that production takes from protobuf."""
    plain = "WorkerInitResponse WorkerMetadata RpcException RpcFunctionMetadata FunctionMetadataResponse"
    classes = dict.fromkeys([*plain.split(), "RpcRetryOptions"], Message)
    return SimpleNamespace(BindingInfo=BindingInfo, StatusResult=StatusResult, **classes)


async def index(folder: Path) -> tuple[str | None, dict[str, Any]]:
    """The failure, or the functions by name as the worker reports them to the host."""
    request = SimpleNamespace(
        request=SimpleNamespace(
            worker_init_request=SimpleNamespace(capabilities={}, function_app_directory=str(folder))
        ),
        properties={"host": "127.0.0.1", "protos": messages()},
    )
    answer = await handle_event.worker_init_request(request)
    if answer.result.status != StatusResult.Success:
        return str(answer.result.exception.message), {}
    metadata = await handle_event.functions_metadata_request(request)
    return None, {function.name: function for function in metadata.function_metadata_results}


def http(trigger: dict[str, Any]) -> Datum:
    def strings(values: dict[str, str]) -> dict[str, Datum]:
        return {name: Datum(value, "string") for name, value in values.items()}

    return Datum(
        {
            "method": Datum(trigger["method"], "string"),
            "url": Datum(trigger["url"], "string"),
            "headers": strings(trigger.get("headers", {})),
            "query": strings(trigger.get("query", {})),
            "params": strings(trigger.get("params", {})),
            "body": Datum(bytes.fromhex(trigger.get("body", "")), "bytes"),
        },
        "http",
    )


def given(kind: str, trigger: dict[str, Any]) -> tuple[Datum, dict[str, Datum]]:
    """The trigger's value and its metadata."""
    if kind == "httpTrigger":
        return http(trigger), {}
    if kind == "queueTrigger":
        metadata = {name: Datum(value, "string") for name, value in trigger.get("metadata", {}).items()}
        return Datum(bytes.fromhex(trigger["body"]), "bytes"), metadata
    return Datum(json.dumps(trigger), "json"), {}


async def invoke(function: Any, trigger: dict[str, Any]) -> dict[str, Any]:
    bindings = [json.loads(text) for text in function.raw_bindings]
    binding = next(b for b in bindings if b["type"].endswith("Trigger"))
    value, metadata = given(binding["type"], trigger)
    call = (str(uuid.uuid4()), function.function_id, [(binding["name"], value)], metadata)
    handled, *result = native_invocation.run_invocation_sync(*call)
    if not handled:
        result = list(await native_invocation.invocation_request_native(*call))
    ok, returned, outputs, error, _ = result
    return {
        "ok": ok,
        "error": error,
        "returned": plain(returned),
        "outputs": {name: plain(datum) for name, datum in outputs},
    }


def plain(value: Any) -> Any:
    """JSON of a Datum; bytes as hex."""
    if hasattr(value, "type") and hasattr(value, "value"):
        return plain(value.value)
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [plain(part) for part in value]
    return value.hex() if isinstance(value, bytes) else value


async def main() -> None:
    folder, result = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    invocations = json.load(sys.stdin)
    sys.path.insert(0, str(folder))
    start_threadpool_executor()
    failure, functions = await index(folder)
    results = [await invoke(functions[i["function"]], i["trigger"]) for i in invocations] if functions else []
    stop_threadpool_executor()
    bindings = {name: [json.loads(text) for text in f.raw_bindings] for name, f in functions.items()}
    result.write_text(json.dumps({"failure": failure, "functions": bindings, "results": results}))


if __name__ == "__main__":
    asyncio.run(main())
