"""A load client: prepared messages over connections that stay open, and as little else as possible.

The client shares the machine with the server, so what it does itself is kept small: requests are bytes before the
clock starts, and answers are read, verified and opened after it has stopped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from bench.fleet import Prepared
from shared.errors import RequestError
from shared.scep.message import PKIStatus
from shared.x509.certificate import Certificate

_PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Load:
    """What came back: for each message the body of its answer, None unless that was a 200; and how long it took."""

    answers: tuple[bytes | None, ...]
    seconds: float

    def served(self, messages: Sequence[Prepared], signer: Certificate) -> int:
        """How many got their own certificate: each reply is verified and opened, as a device does."""
        return sum(map(_is_served, messages, self.answers, [signer] * len(messages)))


def _is_served(sent: Prepared, answer: bytes | None, signer: Certificate) -> bool:
    try:
        reply = sent.read(answer or b"", signer)
    except RequestError:
        return False
    return reply.status is PKIStatus.SUCCESS and reply.issued_to(sent.requester.certificate.spki) is not None


def post(url: str, messages: Sequence[Prepared], *, connections: int) -> Load:
    """PKIOperation by POST for each message, by `connections` clients that each wait for an answer before the next."""
    return asyncio.run(_post(url, [sent.message for sent in messages], connections))


def get(url: str, operation: str) -> bytes:
    """The answer to GetCACaps or GetCACert. Raises OSError while nobody listens or the answer is no 200."""
    address, target = _split(url)
    request = f"GET {target}?operation={operation} HTTP/1.1\r\nHost: {address[0]}\r\n\r\n".encode()
    answer = asyncio.run(_single(address, request))
    if answer is None:
        raise ConnectionError(f"{operation} was refused")
    return answer


async def _post(url: str, bodies: Sequence[bytes], connections: int) -> Load:
    address, target = _split(url)
    head = f"POST {target}?operation=PKIOperation HTTP/1.1\r\nHost: {address[0]}\r\n"
    head += "Content-Type: application/x-pki-message\r\nContent-Length: {}\r\n\r\n"
    requests = list(enumerate(head.format(len(body)).encode() + body for body in bodies))
    answers: list[bytes | None] = [None] * len(requests)
    links = [await asyncio.open_connection(*address) for _ in range(connections)]

    async def work(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while requests:
            number, request = requests.pop()
            writer.write(request)
            answers[number] = await _answer(reader)

    start = time.perf_counter()
    try:
        async with asyncio.timeout(_PATIENCE):
            await asyncio.gather(*(work(*link) for link in links))
        seconds = time.perf_counter() - start
    finally:
        for _, writer in links:
            writer.close()
            await writer.wait_closed()
    return Load(tuple(answers), seconds)


async def _single(address: tuple[str, int], request: bytes) -> bytes | None:
    reader, writer = await asyncio.open_connection(*address)
    try:
        writer.write(request)
        async with asyncio.timeout(_PATIENCE):
            return await _answer(reader)
    finally:
        writer.close()
        await writer.wait_closed()


async def _answer(reader: asyncio.StreamReader) -> bytes | None:
    """One response of HTTP/1.1 (RFC 9112 6, 7.1): its body, or None if its status is not 200."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
    except asyncio.IncompleteReadError:
        raise ConnectionError("the server closed the connection") from None
    if b"\r\ntransfer-encoding: chunked" in head:
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(head.partition(b"\r\ncontent-length:")[2].split(b"\r\n")[0]))
    return body if head.split(b" ", 2)[1] == b"200" else None


def _split(url: str) -> tuple[tuple[str, int], str]:
    parts = urlsplit(url)
    return (parts.hostname or "127.0.0.1", parts.port or 80), parts.path
