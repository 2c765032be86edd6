"""function_app.py as Microsoft's worker sees it: found, checked, called through azure-functions' converters.

The only module that touches the converter registry, which the real worker relies on but nobody documents.
"""

import asyncio
import importlib
import inspect
import json
import logging
import os
import sys
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self, get_type_hints

import azure.functions as func
from azure.functions.meta import Datum, get_binding_registry

from local.failures import AppRefused

log = logging.getLogger("local.function")
registry = get_binding_registry()
Binding = Mapping[str, Any]
Metadata = Mapping[str, Datum]
BINDINGS = {"httpTrigger", "http", "queueTrigger", "queue", "timerTrigger", "eventGridTrigger"}
THREADS = "function"


@dataclass(frozen=True, slots=True)
class Function:
    """One indexed function; bindings are JSON objects, spelt as the worker tells them to the host."""

    name: str
    kind: str
    call: Callable[..., Any]
    trigger: Binding
    outputs: tuple[Binding, ...]

    @classmethod
    def index(cls, item: Any) -> Self:  # noqa: ANN401 - azure-functions exports no name for it
        """Raises AppRefused for what this host lacks, and for what keeps an app from loading in Azure."""
        name, call = item.get_function_name(), item.get_user_function()
        bindings = [json.loads(text) for text in item.get_raw_bindings()]
        if missing := {b["type"] for b in bindings} - BINDINGS:
            raise AppRefused(f"{name}: the embedded host has no {', '.join(missing)}.")
        if not isinstance(returned := get_type_hints(call).get("return", object), type):
            raise AppRefused(f"{name}: the real worker refuses the return annotation {returned}.")
        if {*inspect.signature(call).parameters} - {"context"} != {b["name"] for b in bindings} - {"$return"}:
            raise AppRefused(f"{name}: its parameters are not those of its bindings.")
        trigger = next(b for b in bindings if b["type"].endswith("Trigger"))
        return cls(name, trigger["type"], call, trigger, tuple(b for b in bindings if b is not trigger))


def load(folder: Path) -> dict[str, Function]:
    """Import `folder`/function_app.py and index its functions by name. Raises AppRefused."""
    sys.path.insert(0, str(folder.absolute()))
    try:
        module = importlib.import_module("function_app")
        apps = [value for value in vars(module).values() if isinstance(value, func.FunctionApp)]
        if len(apps) != 1:
            raise AppRefused(f"function_app.py must have one FunctionApp, not {len(apps)}.")  # noqa: TRY301
        # Only once: a second get_functions() refuses every name as taken.
        return {f.name: f for f in map(Function.index, apps[0].get_functions())}
    except AppRefused:
        raise
    except Exception as error:
        log.exception("function_app.py")
        raise AppRefused(f"function_app.py cannot be loaded: {type(error).__name__}: {error}") from error


class Worker:
    """Runs functions: plain ones on a thread pool, coroutines on the loop; and sends what they put out."""

    def __init__(self, send: Callable[[Binding, list[bytes]], Awaitable[None]]) -> None:
        # Unset or senseless: Python's own default, as in the real worker.
        count = os.environ.get("PYTHON_THREADPOOL_THREAD_COUNT", "")
        threads = int(count) if count.isdecimal() and int(count) else None
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix=THREADS)
        self._send, self._tasks = send, set[asyncio.Task[Any]]()

    def start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Begin work that a stopping host waits for; what it raises is in the log."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        task.add_done_callback(self._tasks.discard)
        return task

    async def close(self, grace: float) -> None:
        """Wait `grace` seconds for the work that was started, then give it up."""
        deadline = time.monotonic() + grace
        while self._tasks and (left := deadline - time.monotonic()) > 0:
            await asyncio.wait(self._tasks, timeout=left)
        for task in list(self._tasks):
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def invoke(self, function: Function, data: Datum, metadata: Metadata | None = None) -> Any:  # noqa: ANN401
        """Run `function` once and return the Datum of an HTTP answer. Raises what the function raises."""
        invocation, started, outcome, answer = str(uuid.uuid4()), time.perf_counter(), "failed", None
        try:
            trigger = registry.get(function.kind).decode(data, trigger_metadata=metadata or {})
            for binding, value in await self._run(function, trigger, invocation):
                encoded = registry.get(binding["type"]).encode(value, expected_type=None)
                if binding["type"] == "http":
                    answer = encoded
                else:
                    await self._send(binding, _messages(encoded))
            outcome = "done"
        except Exception:
            log.exception("%s [%s]", function.name, invocation)
            raise
        finally:
            spent = (time.perf_counter() - started) * 1000
            log.info("%s %s in %.1f ms [%s]", function.name, outcome, spent, invocation)
        return answer

    async def _run(self, function: Function, trigger: object, invocation: str) -> list[tuple[Binding, Any]]:
        context = SimpleNamespace(invocation_id=invocation, function_name=function.name)
        values, given = dict[str, Any](), {function.trigger["name"]: trigger, "context": context}
        for name in (binding["name"] for binding in function.outputs):  # func.Out, by shape
            put, get = partial(values.__setitem__, name), partial(values.get, name)
            given[name] = SimpleNamespace(set=put, get=get)
        call = partial(function.call, **{n: given[n] for n in inspect.signature(function.call).parameters})
        if inspect.iscoroutinefunction(function.call):
            values["$return"] = await call()
        else:
            values["$return"] = await asyncio.get_running_loop().run_in_executor(self._threads, call)
        # An output that was not set is left out. A None returned over HTTP is not: it fails, as in the real worker.
        outputs = [(binding, values.get(binding["name"])) for binding in function.outputs]
        return [(b, value) for b, value in outputs if value is not None or b["name"] == "$return"]


def _messages(datum: Datum) -> list[bytes]:
    """The bodies of the queue messages that one queue output encodes to: a JSON list is one message each."""
    if datum.type == "bytes":
        return [datum.value]
    values = json.loads(datum.value) if datum.type == "json" else datum.value
    values = values if isinstance(values, list) else [values]
    return [(value if isinstance(value, str) else json.dumps(value)).encode() for value in values]
