"""The embedded host: storage, the app's functions, HTTP, queues and timers, put up and taken down in order."""

import asyncio
import json
import os
import re
import secrets
import signal
import tempfile
import uuid
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

from aiohttp import web
from azure.functions.meta import Datum
from typer import BadParameter, Option

from local.app import Function, Worker, load
from local.azurite import Azurite
from local.failures import AzuriteDied, PortTaken
from local.queues import Listener, send
from local.settings import DEVELOPMENT_STORAGE, STORAGE, HostConfig, LocalSettings, read
from local.timers import Timer
from local.web import Front

KEYS = ("LOCAL_FUNCTION_KEY", "LOCAL_MASTER_KEY")


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of `python -m local`."""

    app: Annotated[Path, Option(help="Folder of function_app.py and host.json.")] = Path()
    port: Annotated[int | None, Option(help="0: a free one. Default: LocalHttpPort of the settings.")] = None
    settings: Annotated[Path | None, Option(help="Default: local.settings.json of the app.")] = None
    in_memory: Annotated[bool, Option("--in-memory", help="Azurite keeps nothing on disk.")] = False
    data: Annotated[Path, Option(help="Where Azurite keeps its data.")] = Path(".scepter/azurite")
    azurite_ports: Annotated[str, Option(metavar="B,Q,T", help="0: a free one.")] = "0,0,0"
    storage: Annotated[str | None, Option(help="Connection string of a running storage; starts none.")] = None
    no_timers: Annotated[bool, Option("--no-timers", help="Timers run on demand only.")] = False
    max_request_line: Annotated[int, Option(help="In bytes; 8192 is what Azure's Linux plans take.")] = 8192
    ready_file: Annotated[Path | None, Option(help="JSON with address and keys, for programs.")] = None
    lease_seconds: Annotated[int, Option(envvar="LOCAL_QUEUE_LEASE_SECONDS", help="Of a message.")] = 600
    grace_seconds: Annotated[float, Option(help="What running calls are given at the end.")] = 10

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+,\d+,\d+", self.azurite_ports):
            raise BadParameter("--azurite-ports wants three: blob,queue,table")


async def serve(options: Options, ready: Callable[[str, Mapping[str, Function]], None]) -> None:
    """Serve until SIGINT or SIGTERM, then let running calls finish. `ready` is told the address. Raises HostError."""
    stop, tasks = asyncio.Event(), list[asyncio.Task[None]]()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        port, azurite = _prepare(options, stack)
        config, functions = read(options.app / "host.json", HostConfig), load(options.app)
        worker, lease = Worker(partial(send, config)), options.lease_seconds
        timers = {f.name: Timer(f, worker) for f in functions.values() if f.kind == "timerTrigger"}
        fed = [f for f in functions.values() if f.kind == "queueTrigger"]
        listeners = [Listener(f, worker, config, lease) for f in fed]
        for listener in listeners:
            await listener.prepare()
        keys = tuple(os.environ.get(name) or secrets.token_urlsafe(32) for name in KEYS)
        front = Front(functions, worker, keys, partial(_demand, worker, timers))
        runner = front.runner(config, options.max_request_line, options.grace_seconds)
        stack.push_async_callback(_take_down, tasks, runner, worker, options.grace_seconds)
        url = await _listen(runner, port)
        loops = [listener.poll() for listener in listeners]
        loops += [] if options.no_timers else [timer.follow() for timer in timers.values()]
        tasks += [asyncio.create_task(loop) for loop in loops]
        if options.ready_file:
            _announce(options.ready_file, url, keys)
            stack.callback(options.ready_file.unlink, missing_ok=True)
        ready(url, functions)
        while not stop.is_set():
            if azurite and not azurite.running:
                raise AzuriteDied(f"Azurite, the local storage, stopped by itself.\n{azurite.output()}")
            _ = [task.result() for task in tasks if task.done()]  # one that ended has failed: raise it
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.25)


def _prepare(options: Options, stack: AsyncExitStack) -> tuple[int, Azurite | None]:
    """Settings into the environment, and storage behind them, before the app is imported and reads them."""
    path, azurite, connection = options.settings or options.app / "local.settings.json", None, options.storage
    settings = read(path, LocalSettings) if options.settings or path.exists() else LocalSettings()
    for name, value in {STORAGE: DEVELOPMENT_STORAGE, **settings.values}.items():
        os.environ.setdefault(name, value)  # what is set there already wins, as in Core Tools
    if options.storage:
        os.environ[STORAGE] = DEVELOPMENT_STORAGE
    elif DEVELOPMENT_STORAGE in os.environ.values():
        blob, queue, table = map(int, options.azurite_ports.split(","))
        folder = None if options.in_memory else options.data
        azurite = Azurite.start(options.in_memory, folder, (blob, queue, table))
        stack.callback(azurite.stop)
        connection = azurite.connection_string
    for name in [name for name, value in os.environ.items() if value == DEVELOPMENT_STORAGE]:
        os.environ[name] = connection or ""
    return settings.port if options.port is None else options.port, azurite


def _demand(worker: Worker, timers: Mapping[str, Timer], function: Function, given: str | None) -> None:
    """Begin a run that the admin API asked for."""
    if timer := timers.get(function.name):
        worker.start(timer.run(datetime.now(UTC)))
        return
    metadata = {"Id": Datum(str(uuid.uuid4()), "string"), "DequeueCount": Datum("1", "json")}
    kind = "json" if function.kind == "eventGridTrigger" else "string"
    worker.start(worker.invoke(function, Datum(given or "", kind), metadata))


async def _listen(runner: web.AppRunner, port: int) -> str:
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        raise PortTaken(f"Cannot listen on port {port}: {os.strerror(error.errno or 0)}.") from error
    return "http://{}:{}".format(*runner.addresses[0][:2])


async def _take_down(
    tasks: list[asyncio.Task[None]], runner: web.AppRunner, worker: Worker, grace: float
) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(runner.cleanup(), worker.close(grace), *tasks, return_exceptions=True)


def _announce(path: Path, url: str, keys: tuple[str, ...]) -> None:
    storage = os.environ[STORAGE]
    blob = re.search(r"BlobEndpoint=([^;]+)", storage)
    ready = {"url": url, "pid": os.getpid(), "storage": storage, "blob_url": blob[1] if blob else ""}
    ready |= {"function_key": keys[0], "master_key": keys[1]}
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as part:  # for its owner only
        json.dump(ready, part)
    Path(part.name).replace(path)
