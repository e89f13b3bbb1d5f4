"""A chat in rooms that have numbers.

uvicorn starlette_chat:app
REDIS_URL=redis://localhost:6379 uvicorn starlette_chat:app  # one chat, however many of these
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from fairway.layer import ChannelLayer
from fairway.memory import InMemoryChannelLayer


def make_layer() -> ChannelLayer:
    if url := os.environ.get("REDIS_URL"):
        from fairway.redis import RedisChannelLayer

        return RedisChannelLayer(hosts=[url])
    return InMemoryChannelLayer()


layer = make_layer()


async def chat(socket: WebSocket) -> None:
    group = f"room-{socket.path_params['room']}"
    channel = await layer.new_channel("chat")
    await layer.group_add(group, channel)
    await socket.accept()
    writing = asyncio.create_task(write(socket, channel))
    try:
        async for text in socket.iter_text():
            await layer.group_send(group, {"text": text})
    finally:
        writing.cancel()
        await layer.forget_channel(channel)


async def write(socket: WebSocket, channel: str) -> None:
    while True:
        message = await layer.receive(channel)
        await socket.send_text(message["text"])


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    yield
    await layer.close()


app = Starlette(routes=[WebSocketRoute("/chat/{room:int}", chat)], lifespan=lifespan)
