"""The embedded host: storage, the app's functions, HTTP, queues and timers, put up and taken down in order."""

import asyncio
import json
import os
import re
import secrets
import signal
import tempfile
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

from aiohttp import web
from typer import BadParameter, Option

from local.app import Function, Worker, load
from local.azurite import Azurite
from local.failures import AzuriteDied, PortTaken
from local.queues import Listener, make, send
from local.settings import DEVELOPMENT_STORAGE, STORAGE, HostConfig, LocalSettings, read
from local.timers import Timer
from local.web import Front


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


async def serve(options: Options) -> None:
    """Serve until SIGINT or SIGTERM, then let running calls finish. Raises HostError."""
    stop, tasks = asyncio.Event(), list[asyncio.Task[None]]()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        port, azurite = _prepare(options, stack)
        config, functions = read(options.app / "host.json", HostConfig), load(options.app)
        stack.callback(getattr(__import__("function_app"), "close", lambda: None))  # while storage is there
        worker, lease = Worker(partial(send, config)), options.lease_seconds
        timers = {f.name: Timer(f, worker) for f in functions.values() if f.kind == "timerTrigger"}
        fed = [f for f in functions.values() if f.kind == "queueTrigger"]
        for function in fed:
            await make(function.trigger)
        keys = [os.environ.get(f"LOCAL_{k}_KEY") or secrets.token_urlsafe(32) for k in ("FUNCTION", "MASTER")]
        front, grace = Front(functions, worker, timers), options.grace_seconds
        runner = front.runner(config, keys, options.max_request_line, grace)
        stack.push_async_callback(_end, tasks, runner, worker, grace)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise PortTaken(f"Cannot listen on port {port}: {os.strerror(error.errno or 0)}.") from error
        url = "http://{}:{}".format(*runner.addresses[0][:2])
        loops = [Listener(f, worker, config, lease).poll() for f in fed]
        loops += [] if options.no_timers else [timer.follow() for timer in timers.values()]
        tasks += [asyncio.create_task(loop) for loop in loops]
        if options.ready_file:
            _announce(options.ready_file, url, keys)
            stack.callback(options.ready_file.unlink, missing_ok=True)
        _introduce(url, functions.values())
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


async def _end(tasks: list[asyncio.Task[None]], runner: web.AppRunner, worker: Worker, grace: float) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(runner.cleanup(), worker.close(grace), *tasks, return_exceptions=True)


def _introduce(url: str, functions: Iterable[Function]) -> None:
    print(f"\nServing {url}")
    for function in functions:
        where = "".join(str(function.trigger.get(name, "")) for name in ("route", "queueName", "schedule"))
        print(f"  {function.name:<32} {function.kind.removesuffix('Trigger'):<10} {where}", flush=True)


def _announce(path: Path, url: str, keys: list[str]) -> None:
    blob = re.search(r"BlobEndpoint=([^;]+)", storage := os.environ[STORAGE])
    ready = {"url": url, "pid": os.getpid(), "storage": storage, "blob_url": blob[1] if blob else ""}
    ready |= {"function_key": keys[0], "master_key": keys[1]}
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as part:  # for its owner only
        json.dump(ready, part)
    Path(part.name).replace(path)
