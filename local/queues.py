"""Queue triggers as the storage extension runs them: leases, retries and poison queues; and queue outputs."""

import asyncio
import base64
import logging
from collections.abc import Coroutine
from contextlib import suppress

from azure.core.exceptions import AzureError, ResourceExistsError
from azure.functions.meta import Datum
from azure.storage.queue import QueueMessage
from azure.storage.queue.aio import QueueClient

from local.app import Binding, Function, Worker
from local.failures import StorageUnreachable
from local.settings import STORAGE, HostConfig, resolve, setting

log = logging.getLogger("local.queue")
FIRST_PAUSE = 0.1
POISON = "-poison"


class Queues:
    """The queues of the app's bindings, each made on its first use."""

    def __init__(self, config: HostConfig) -> None:
        self._base64, self._lock = config.encoding == "base64", asyncio.Lock()
        self._clients: dict[tuple[str, str], QueueClient] = {}

    async def open(self, binding: Binding, suffix: str = "") -> QueueClient:
        """The queue that `binding` names. Raises AppRefused, StorageUnreachable."""
        connection = setting(binding.get("connection") or STORAGE)
        key = connection, resolve(str(binding["queueName"])).lower() + suffix
        async with self._lock:
            if key not in self._clients:
                client = QueueClient.from_connection_string(*key, retry_total=1, initial_backoff=1)
                try:
                    with suppress(ResourceExistsError):
                        await client.create_queue()
                except AzureError as error:
                    await client.close()
                    raise StorageUnreachable(f"The queue {key[1]} cannot be made: {error.message}") from error
                self._clients[key] = client
        return self._clients[key]

    async def send(self, binding: Binding, bodies: list[bytes]) -> None:
        queue = await self.open(binding)
        for body in bodies:
            await queue.send_message(base64.b64encode(body).decode() if self._base64 else body.decode())

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


class Listener:
    """Polls the queue of one function, with at most batchSize + newBatchThreshold messages in work."""

    def __init__(
        self, function: Function, worker: Worker, queues: Queues, config: HostConfig, lease: int
    ) -> None:
        self._function, self._worker, self._queues = function, worker, queues
        self._config, self._lease = config, lease
        self._working: set[asyncio.Task[None]] = set()

    async def poll(self) -> None:
        """Take messages until cancelled; those in work are then the worker's to finish."""
        queue, pause = await self._queues.open(self._function.trigger), FIRST_PAUSE
        while True:
            self._working = {task for task in self._working if not task.done()}
            if len(self._working) > self._config.new_batch_threshold:
                await asyncio.wait(self._working, return_when=asyncio.FIRST_COMPLETED)
            elif messages := await self._take(queue):
                self._working |= {self._worker.start(_survive(self._handle(queue, m))) for m in messages}
                pause = FIRST_PAUSE
            else:
                await asyncio.sleep(pause)
                pause = min(pause * 2, self._config.max_polling_interval.total_seconds())

    async def _take(self, queue: QueueClient) -> list[QueueMessage]:
        size = self._config.batch_size
        found = queue.receive_messages(
            messages_per_page=size, max_messages=size, visibility_timeout=self._lease
        )
        try:
            return [message async for message in found]
        except AzureError as error:
            log.warning("%s: %s", queue.queue_name, error.message)
            return []

    async def _handle(self, queue: QueueClient, message: QueueMessage) -> None:
        tries, most = message.dequeue_count or 0, self._config.max_dequeue_count
        if tries <= most and await self._succeeds(queue, message):
            await queue.delete_message(message)
        elif tries < most:
            hidden = int(self._config.visibility_timeout.total_seconds())
            await queue.update_message(message, visibility_timeout=hidden)
        elif not queue.queue_name.endswith(POISON):  # one of those has none itself: its lease just ends
            poison = await self._queues.open(self._function.trigger, POISON)
            await poison.send_message(message.content)
            await queue.delete_message(message)

    async def _succeeds(self, queue: QueueClient, message: QueueMessage) -> bool:
        renewal = asyncio.create_task(_survive(self._renew(queue, message)))
        raw: str = message.content
        try:
            body = base64.b64decode(raw, validate=True) if self._config.encoding == "base64" else raw.encode()
            await self._worker.invoke(self._function, body_datum(body), _metadata(message))
        except Exception:  # noqa: BLE001 - the worker has logged it
            return False
        finally:
            renewal.cancel()
        return True

    async def _renew(self, queue: QueueClient, message: QueueMessage) -> None:
        while True:
            await asyncio.sleep(self._lease / 2)
            message.pop_receipt = (
                await queue.update_message(message, visibility_timeout=self._lease)
            ).pop_receipt


async def _survive(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except (AzureError, StorageUnreachable) as error:  # the lease was lost, or storage is away: it comes back
        log.warning("%s", error)


def body_datum(body: bytes) -> Datum:
    """Text where the bytes are UTF-8, as the extension hands it on."""
    try:
        return Datum(body.decode(), "string")
    except UnicodeDecodeError:
        return Datum(body, "bytes")


def _metadata(message: QueueMessage) -> dict[str, Datum]:
    times = (message.inserted_on, message.expires_on, message.next_visible_on)
    named = zip(("InsertionTime", "ExpirationTime", "NextVisibleTime"), times, strict=True)
    return {
        "Id": Datum(message.id, "string"),
        "DequeueCount": Datum(str(message.dequeue_count), "json"),
        "PopReceipt": Datum(message.pop_receipt, "string"),
        # The converter takes plain ISO text only: JSON quotes make it raise.
        **{name: Datum(at.isoformat(), "string") for name, at in named if at},
    }
