"""The ASGI 3 application that an interface server is to its host (uvicorn, daphne, …)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from ..layer import ChannelLayer
from ..options import check_seconds
from .asgi import Receive, Scope, Send
from .connection import Connection, Terms
from .heartbeat import Heartbeat
from .http import HttpConnection
from .protocol import LEASE
from .websocket import WebSocketConnection

_CONNECTIONS: dict[str, type[Connection]] = {
    "http": HttpConnection,
    "websocket": WebSocketConnection,
}


class InterfaceServer:
    """Turns HTTP requests and WebSockets into messages on ``layer``, and replies into answers.

    ``worker_timeout``: seconds an event waits for a worker before its client gets a 503 (a
    WebSocket: close code 1013). ``response_timeout``: seconds a plain consumer may take to
    answer an HTTP request before its client gets a 504; an ASGI application may take as long
    as its worker lives. It is also how long the last events of a WebSocket wait for a
    consumer once its client left. ``lease``: seconds of silence after which a worker counts
    as dead.
    """

    def __init__(
        self,
        layer: ChannelLayer,
        *,
        worker_timeout: float = 30.0,
        response_timeout: float = 120.0,
        lease: float = LEASE,
    ):
        self.layer = layer
        self._background: set[asyncio.Task[None]] = set()
        self._terms = Terms(
            layer=layer,
            worker_timeout=check_seconds("worker_timeout", worker_timeout),
            response_timeout=check_seconds("response_timeout", response_timeout),
            heartbeat=Heartbeat(layer, check_seconds("lease", lease)),
            in_background=self._in_background,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._lifespan(receive, send)
        connection = _CONNECTIONS.get(scope["type"])
        if connection is None:
            raise ValueError(
                f"an interface server takes http and websocket connections, not {scope['type']!r}"
            )
        return await connection(self._terms, scope, receive, send).run()

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while (event := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{event['type']}.complete"})
        await self._close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _close(self) -> None:
        self._terms.heartbeat.stop()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)
