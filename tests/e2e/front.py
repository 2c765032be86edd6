"""The front of the container (infra/container/front.py) before a host, on a port of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from infra.container import front
from tests.ports import free_port


@contextmanager
def fronted(host: str) -> Iterator[str]:
    """Its URL."""
    port, loop = free_port(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = front.runner(front.make(host))
    try:
        asyncio.run_coroutine_threadsafe(_start(running, port), loop).result(10)
        yield f"http://127.0.0.1:{port}"
        asyncio.run_coroutine_threadsafe(running.cleanup(), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _start(running: web.AppRunner, port: int) -> None:
    await running.setup()
    await web.TCPSite(running, "127.0.0.1", port).start()
