"""No layer: what a message's way takes of asyncio, msgpack and a Redis server at the least.

PUBLISH on one socket, SUBSCRIBE on another, and a queue for each reader. It keeps nothing of
what a layer promises; whatever does can hardly be faster.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import hiredis
import ormsgpack


class _Line(asyncio.BufferedProtocol):
    """A socket: commands out, each reply to ``heard``."""

    def __init__(self, heard: Callable[[Any], None]):
        self._heard = heard
        self._parser = hiredis.Reader()
        self._buffer: Any = bytearray(65536)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def write(self, *command: str | bytes) -> None:
        self._transport.write(hiredis.pack_command(command))

    def get_buffer(self, sizehint: int) -> memoryview:
        return memoryview(self._buffer)

    def buffer_updated(self, size: int) -> None:
        self._parser.feed(self._buffer, 0, size)
        while (reply := self._parser.gets()) is not False:
            self._heard(reply)


class BareLayer:
    """What the cases of single messages call, and no more."""

    def __init__(self, hosts: list[str]):
        self._place = urlsplit(hosts[0])
        self._lines: tuple[_Line, _Line] | None = None
        self._sent: deque[asyncio.Future[None]] = deque()
        self._names = 0
        self._members: dict[bytes, list[str]] = defaultdict(list)
        self._queues: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        self._waiting: dict[str, asyncio.Future[None]] = {}

    async def new_channel(self) -> str:
        self._names += 1
        name = f"bare.{id(self):x}!{self._names}"
        await self.group_add(name, name)
        return name

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        out, _ = await self._connected()
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sent.append(sent)
        out.write("PUBLISH", channel, ormsgpack.packb(message))
        await sent

    group_send = send

    async def group_add(self, group: str, channel: str) -> None:
        _, into = await self._connected()
        if not self._members[group.encode()]:
            into.write("SUBSCRIBE", group)
        self._members[group.encode()].append(channel)

    async def receive(self, channel: str) -> dict[str, Any]:
        queue = self._queues[channel]
        if not queue:
            waiting = self._waiting[channel] = asyncio.get_running_loop().create_future()
            await waiting
        return queue.popleft()

    async def _connected(self) -> tuple[_Line, _Line]:
        if self._lines is None:
            self._lines = await self._connect(self._told), await self._connect(self._arrived)
        return self._lines

    async def _connect(self, heard: Callable[[Any], None]) -> _Line:
        connect = asyncio.get_running_loop().create_connection
        _, line = await connect(lambda: _Line(heard), self._place.hostname, self._place.port)
        return line

    def _told(self, reply: Any) -> None:
        self._sent.popleft().set_result(None)

    def _arrived(self, reply: Any) -> None:
        kind, group, body = reply
        if kind != b"message":
            return
        message = ormsgpack.unpackb(body)
        for channel in self._members[group]:
            self._queues[channel].append(message.copy())
            waiting = self._waiting.pop(channel, None)
            if waiting is not None:
                waiting.set_result(None)
