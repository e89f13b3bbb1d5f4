"""A chat in rooms that have numbers; other programs may post to it.

uvicorn fastapi_chat:app
REDIS_URL=redis://localhost:6379 uvicorn fastapi_chat:app  # one chat, however many of these
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, WebSocket

from fairway.layer import ChannelLayer
from fairway.memory import InMemoryChannelLayer


def make_layer() -> ChannelLayer:
    if url := os.environ.get("REDIS_URL"):
        from fairway.redis import RedisChannelLayer

        return RedisChannelLayer(hosts=[url])
    return InMemoryChannelLayer()


layer = make_layer()


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    await layer.close()


app = FastAPI(lifespan=lifespan)


@app.websocket("/chat/{room}")
async def chat(socket: WebSocket, room: int) -> None:
    channel = await layer.new_channel("chat")
    await layer.group_add(f"room-{room}", channel)
    await socket.accept()
    writing = asyncio.create_task(write(socket, channel))
    try:
        async for text in socket.iter_text():
            await layer.group_send(f"room-{room}", {"text": text})
    finally:
        writing.cancel()
        await layer.forget_channel(channel)


async def write(socket: WebSocket, channel: str) -> None:
    while True:
        message = await layer.receive(channel)
        await socket.send_text(message["text"])


@app.post("/chat/{room}")
async def post(room: int, text: str) -> None:
    await layer.group_send(f"room-{room}", {"text": text})
