"""Queue triggers as the storage extension runs them: leases, retries and poison queues; and queue outputs."""

import asyncio
import base64
import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.functions.meta import Datum
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local.app import Binding, Function, Worker
from local.failures import StorageUnreachable
from local.settings import STORAGE, HostConfig, resolve

log = logging.getLogger("local.queue")
FIRST_PAUSE, POISON = 0.1, "-poison"


def queue_of(binding: Binding, suffix: str = "") -> QueueClient:
    """The queue that `binding` names. Raises AppRefused."""
    name = resolve(str(binding["queueName"])).lower() + suffix
    connection = resolve(f"%{binding.get('connection') or STORAGE}%")
    return QueueClient.from_connection_string(connection, name, retry_total=1, initial_backoff=1)


async def make(binding: Binding, suffix: str = "") -> None:
    """Make the queue if there is none. Raises AppRefused, StorageUnreachable."""
    async with queue_of(binding, suffix) as queue:
        try:
            with suppress(ResourceExistsError):
                await queue.create_queue()
        except AzureError as error:
            raise StorageUnreachable(f"{queue.queue_name} cannot be made: {error.message}") from error


async def put(binding: Binding, content: str, suffix: str = "") -> None:
    """Send one message as it is; the queue is made on demand."""
    await make(binding, suffix)
    async with queue_of(binding, suffix) as queue:
        await queue.send_message(content)


async def send(config: HostConfig, binding: Binding, bodies: list[bytes]) -> None:
    """Send what a queue output holds."""
    for body in bodies:
        await put(binding, base64.b64encode(body).decode() if config.encoding == "base64" else body.decode())


class Listener:
    """Polls the queue of one function, with at most batchSize + newBatchThreshold messages in work."""

    def __init__(self, function: Function, worker: Worker, config: HostConfig, lease: int) -> None:
        self._function, self._worker, self._config, self._lease = function, worker, config, lease

    async def poll(self) -> None:
        """Take messages until cancelled; those in work are then the worker's to finish."""
        pause, longest = FIRST_PAUSE, self._config.max_polling_interval.total_seconds()
        working = set[asyncio.Task[None]]()
        while True:
            # Shielded: what was received when the host stops would be hidden until its lease ends.
            taken = await asyncio.shield(self._worker.start(self._take()))
            working |= taken
            while len(working) > self._config.new_batch_threshold:
                _, working = await asyncio.wait(working, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(0 if taken else pause)
            pause = FIRST_PAUSE if taken else min(pause * 2, longest)

    async def _take(self) -> set[asyncio.Task[None]]:
        size = self._config.batch_size
        limits = {"messages_per_page": size, "max_messages": size, "visibility_timeout": self._lease}
        taken = set[asyncio.Task[None]]()
        with _surviving():
            async with queue_of(self._function.trigger) as queue:
                async for message in queue.receive_messages(**limits):
                    taken.add(self._worker.start(self._handle(message)))
        return taken

    async def _handle(self, message: QueueMessage) -> None:
        tries, most = message.dequeue_count or 0, self._config.max_dequeue_count
        with _surviving():
            async with queue_of(self._function.trigger) as queue:
                if tries <= most and await self._succeeds(queue, message):
                    await queue.delete_message(message)
                elif tries < most:
                    hidden = int(self._config.visibility_timeout.total_seconds())
                    await queue.update_message(message, visibility_timeout=hidden)
                elif not queue.queue_name.endswith(POISON):  # such a one has none: the lease just ends
                    await put(self._function.trigger, message.content, POISON)
                    await queue.delete_message(message)

    async def _succeeds(self, queue: QueueClient, message: QueueMessage) -> bool:
        renewal, raw = asyncio.create_task(self._renew(queue, message)), str(message.content)
        try:
            body = base64.b64decode(raw, validate=True) if self._config.encoding == "base64" else raw.encode()
            await self._worker.invoke(self._function, Datum(body, "bytes"), _metadata(message))
        except Exception as error:  # noqa: BLE001 - of what the function raised, the worker has logged the rest
            log.warning("%s: message %s: %s", queue.queue_name, message.id, type(error).__name__)
            return False
        finally:
            renewal.cancel()
        return True

    async def _renew(self, queue: QueueClient, message: QueueMessage) -> None:
        with _surviving():
            while True:
                await asyncio.sleep(self._lease / 2)
                renewed = await queue.update_message(message, visibility_timeout=self._lease)
                message.pop_receipt = renewed.pop_receipt


@contextmanager
def _surviving() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - a lease was lost, or storage is away: the message comes back
        log.warning("%s: %s", type(error).__name__, error)


def _metadata(message: QueueMessage) -> dict[str, Datum]:
    times = (message.inserted_on, message.expires_on, message.next_visible_on)
    # The converter takes plain ISO text only: JSON quotes make it raise.
    values = [message.id, message.pop_receipt, *(at.isoformat() if at else None for at in times)]
    names = ("Id", "PopReceipt", "InsertionTime", "ExpirationTime", "NextVisibleTime")
    found = {name: Datum(value, "string") for name, value in zip(names, values, strict=True) if value}
    return {**found, "DequeueCount": Datum(str(message.dequeue_count), "json")}
