"""The embedded host: storage, the app's functions, HTTP, queues and timers, put up and taken down in order."""

import asyncio
import json
import os
import re
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from aiohttp import web
from azure.functions.meta import Datum
from typer import BadParameter, Option

from local.app import Function, Worker, load
from local.azurite import Azurite, Ports
from local.failures import AzuriteDied, PortTaken
from local.queues import Listener, Queues, body_datum
from local.settings import DEVELOPMENT_STORAGE, STORAGE, HostConfig, LocalSettings, read, use_storage
from local.timers import Timer
from local.web import Front


def _ports(text: str) -> Ports:
    numbers = [int(part) for part in text.split(",") if part.isdecimal()]
    if len(numbers) != 3:
        raise BadParameter("three ports are needed: blob,queue,table")
    return numbers[0], numbers[1], numbers[2]


@dataclass(frozen=True, slots=True)
class Options:
    """The command line of `python -m local`."""

    app: Annotated[Path, Option(help="Folder of function_app.py and host.json.")] = Path()
    port: Annotated[int | None, Option(help="0: a free one. [default: LocalHttpPort of the settings]")] = None
    settings: Annotated[Path | None, Option(help="[default: local.settings.json of the app]")] = None
    in_memory: Annotated[bool, Option("--in-memory", help="Azurite keeps nothing on disk.")] = False
    data: Annotated[Path, Option(help="Where Azurite keeps its data.")] = Path(".scepter/azurite")
    azurite_ports: Annotated[Ports | None, Option(parser=_ports, metavar="B,Q,T", help="[default: free]")] = (
        None
    )
    storage: Annotated[str | None, Option(help="Connection string of a running storage; starts none.")] = None
    no_timers: Annotated[bool, Option("--no-timers", help="Timers run on demand only.")] = False
    max_request_line: Annotated[int, Option(help="In bytes; 8192 is what Azure's Linux plans take.")] = 8192
    ready_file: Annotated[Path | None, Option(help="JSON with address and keys, for programs.")] = None
    lease_seconds: Annotated[int, Option(envvar="LOCAL_QUEUE_LEASE_SECONDS", help="Of a queue message.")] = (
        600
    )
    grace_seconds: Annotated[float, Option(help="What running calls are given at the end.")] = 10


@dataclass(frozen=True, slots=True)
class LocalHost:
    """A host that serves; see `serving`."""

    url: str
    functions: dict[str, Function]
    azurite: Azurite | None
    loops: list[asyncio.Task[None]]

    def check(self) -> None:
        """Raises AzuriteDied, or what ended a poller or a timer."""
        if self.azurite and not self.azurite.running:
            raise AzuriteDied(f"Azurite, the local storage, stopped by itself.\n{self.azurite.output()}")
        for loop in self.loops:
            if loop.done():
                loop.result()


@asynccontextmanager
async def serving(options: Options) -> AsyncIterator[LocalHost]:
    """Put everything up; on leaving let running calls finish and take everything down. Raises HostError."""
    async with AsyncExitStack() as stack:
        port, azurite = _prepare(options, stack)
        config, functions = read(options.app / "host.json", HostConfig), load(options.app)
        queues = Queues(config)
        stack.push_async_callback(queues.close)
        worker = Worker(queues.send)
        timers = {f.name: Timer(f, worker) for f in functions.values() if f.kind == "timerTrigger"}
        fed = [f for f in functions.values() if f.kind == "queueTrigger"]
        for function in fed:
            await queues.open(function.trigger)

        def demand(function: Function, given: str | None) -> None:
            if timer := timers.get(function.name):
                worker.start(timer.run(datetime.now(UTC)))
            else:
                queued = function.kind == "queueTrigger"
                data = body_datum((given or "").encode()) if queued else Datum(given or "{}", "json")
                worker.start(worker.attempt(function, data))

        keys = _key("LOCAL_FUNCTION_KEY"), _key("LOCAL_MASTER_KEY")
        runner = Front(functions, worker, keys, demand).runner(
            config, options.max_request_line, options.grace_seconds
        )
        await runner.setup()
        stack.push_async_callback(_finish, runner, worker, options.grace_seconds)
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
        except OSError as error:
            raise PortTaken(f"Cannot listen on port {port}: {os.strerror(error.errno or 0)}.") from error
        url = "http://{}:{}".format(*runner.addresses[0][:2])
        polls = [Listener(f, worker, queues, config, options.lease_seconds).poll() for f in fed]
        polls += [] if options.no_timers else [timer.follow() for timer in timers.values()]
        loops = [asyncio.create_task(poll) for poll in polls]
        stack.push_async_callback(_cancel, loops)
        if options.ready_file:
            _announce(options.ready_file, url, *keys)
            stack.callback(options.ready_file.unlink, missing_ok=True)
        yield LocalHost(url, functions, azurite, loops)


def _prepare(options: Options, stack: AsyncExitStack) -> tuple[int, Azurite | None]:
    """Settings into the environment and storage behind them, before the app is imported and reads them."""
    path, azurite = options.settings or options.app / "local.settings.json", None
    settings = read(path, LocalSettings) if options.settings or path.exists() else LocalSettings()
    for name, value in {
        **settings.values,
        STORAGE: settings.values.get(STORAGE, DEVELOPMENT_STORAGE),
    }.items():
        os.environ.setdefault(name, value)  # what is set there already wins, as in Core Tools
    if options.storage:
        os.environ[STORAGE] = options.storage
        use_storage(options.storage, os.environ)
    elif DEVELOPMENT_STORAGE in os.environ.values():
        azurite = Azurite.start(
            options.in_memory, None if options.in_memory else options.data, options.azurite_ports
        )
        stack.callback(azurite.stop)
        use_storage(azurite.connection_string, os.environ)
    return settings.port if options.port is None else options.port, azurite


async def _finish(runner: web.AppRunner, worker: Worker, grace: float) -> None:
    await asyncio.gather(runner.cleanup(), worker.close(grace))


async def _cancel(loops: list[asyncio.Task[None]]) -> None:
    for loop in loops:
        loop.cancel()
    await asyncio.gather(*loops, return_exceptions=True)


def _key(name: str) -> str:
    return os.environ.get(name) or secrets.token_urlsafe(32)


def _announce(path: Path, url: str, function_key: str, master_key: str) -> None:
    storage = os.environ[STORAGE]
    blob = re.search(r"BlobEndpoint=([^;]+)", storage)
    ready = {"url": url, "pid": os.getpid(), "storage": storage, "blob_url": blob[1] if blob else ""}
    keys = {"function_key": function_key, "master_key": master_key}
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    part.touch(0o600)
    part.write_text(json.dumps(ready | keys), encoding="utf-8")
    part.replace(path)
