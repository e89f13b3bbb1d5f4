"""What the two halves of a site are given: a layer that nobody of ours has made, and an app."""

from collections.abc import Sequence
from typing import Any

from directory_layer import DirectoryChannelLayer

from fairway.routing import Group, Message, route


class Stranger:
    """Has what the contract says and derives from nothing: what it does is another's work."""

    def __init__(self, directory: str):
        self._layer = DirectoryChannelLayer(directory)
        self.expiry = self._layer.expiry
        self.blocking = self._layer.blocking

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        await self._layer.send(channel, message)

    async def receive(self, channel: str) -> dict[str, Any]:
        return await self._layer.receive(channel)

    async def receive_many(self, channels: Sequence[str], *, timeout: float | None = None) -> Any:
        return await self._layer.receive_many(channels, timeout=timeout)

    async def new_channel(self, prefix: str = "specific") -> str:
        return await self._layer.new_channel(prefix)

    def make_channel_name(self, prefix: str = "specific") -> str:
        return self._layer.make_channel_name(prefix)

    async def forget_channel(self, channel: str) -> None:
        await self._layer.forget_channel(channel)

    async def group_add(self, group: str, channel: str) -> None:
        await self._layer.group_add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._layer.group_discard(group, channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        await self._layer.group_send(group, message)

    async def group_channels(self, group: str) -> list[str]:
        return await self._layer.group_channels(group)

    async def close(self) -> None:
        await self._layer.close()

    def get_capacity(self, channel: str) -> int:
        return self._layer.get_capacity(channel)


class Half:
    """Lacks most of it."""

    def send(self, channel: str, message: dict[str, Any]) -> None:
        """Into the void."""


def join(message: Message) -> None:
    message.reply_channel.send({"accept": True})
    Group("all").add(message.reply_channel)


async def say(message: Message) -> None:
    await Group("all").send({"text": message["text"]})


routes = [route("websocket.connect", join), route("websocket.receive", say)]


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Echoes."""
    if scope["type"] != "websocket":
        raise NotImplementedError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": event["text"]})
