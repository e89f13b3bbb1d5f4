"""Every kind of consumer that Channels has, each with a group."""

from typing import Any

from asgiref.sync import async_to_sync
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.generic.http import AsyncHttpConsumer
from channels.generic.websocket import (
    AsyncJsonWebsocketConsumer,
    AsyncWebsocketConsumer,
    JsonWebsocketConsumer,
    WebsocketConsumer,
)


def room_of(consumer: Any) -> str:
    return str(consumer.scope["url_route"]["kwargs"]["room"])


class Shout(WebsocketConsumer):
    """Says to the room what it hears; joins and leaves by hand."""

    def connect(self) -> None:
        self.room = room_of(self)
        async_to_sync(self.channel_layer.group_add)(self.room, self.channel_name)
        self.accept()

    def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data == "bye":
            self.close(code=4001)
            return
        message = {"type": "room.said", "text": text_data, "bytes": bytes_data}
        async_to_sync(self.channel_layer.group_send)(self.room, message)

    def room_said(self, event: dict[str, Any]) -> None:
        self.send(text_data=event["text"], bytes_data=event.get("bytes"))

    def disconnect(self, code: int) -> None:
        async_to_sync(self.channel_layer.group_discard)(self.room, self.channel_name)
        message = {"type": "room.said", "text": f"left with {code}"}
        async_to_sync(self.channel_layer.group_send)(self.room, message)


class AsyncShout(AsyncWebsocketConsumer):
    """As :class:`Shout`."""

    async def connect(self) -> None:
        self.room = room_of(self)
        await self.channel_layer.group_add(self.room, self.channel_name)
        await self.accept()

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if text_data == "bye":
            await self.close(code=4001)
            return
        message = {"type": "room.said", "text": text_data, "bytes": bytes_data}
        await self.channel_layer.group_send(self.room, message)

    async def room_said(self, event: dict[str, Any]) -> None:
        await self.send(text_data=event["text"], bytes_data=event.get("bytes"))

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(self.room, self.channel_name)
        message = {"type": "room.said", "text": f"left with {code}"}
        await self.channel_layer.group_send(self.room, message)


class Everyone(JsonWebsocketConsumer):
    """Joins by the attribute that Channels has for that."""

    groups = ["everyone"]  # noqa: RUF012  # as Channels' pages write it

    def receive_json(self, content: Any, **kwargs: Any) -> None:
        message = {"type": "everyone.hears", "content": content}
        async_to_sync(self.channel_layer.group_send)("everyone", message)

    def everyone_hears(self, event: dict[str, Any]) -> None:
        self.send_json(event["content"])


class AsyncEveryone(AsyncJsonWebsocketConsumer):
    """As :class:`Everyone`."""

    groups = ["everyone"]  # noqa: RUF012

    async def receive_json(self, content: Any, **kwargs: Any) -> None:
        message = {"type": "everyone.hears", "content": content}
        await self.channel_layer.group_send("everyone", message)

    async def everyone_hears(self, event: dict[str, Any]) -> None:
        await self.send_json(event["content"])


class OnSecondLayer(AsyncEveryone):
    """The same group of another layer."""

    channel_layer_alias = "second"


class LongPoll(AsyncHttpConsumer):
    """GET waits for the next message to the room, on a channel of its own; POST sends one."""

    async def handle(self, body: bytes) -> None:
        room = room_of(self)
        if self.scope["method"] == "POST":
            await self.channel_layer.group_send(room, {"type": "room.said", "text": body.decode()})
            await self.send_response(202, b"")
            return
        channel = await self.channel_layer.new_channel()
        await self.channel_layer.group_add(room, channel)
        # From here on the client may count on the room's messages.
        await self.send_headers(status=200, headers=[(b"Content-Type", b"text/plain")])
        await self.send_body(b"waiting\n", more_body=True)
        message = await self.channel_layer.receive(channel)
        await self.channel_layer.group_discard(room, channel)
        await self.send_body(message["text"].encode())


class Sum(SyncConsumer):
    """Behind a named channel: adds up, and answers to a group."""

    def sum_up(self, message: dict[str, Any]) -> None:
        answer = {"type": "sum", "sum": sum(message["numbers"])}
        async_to_sync(self.channel_layer.group_send)(message["group"], answer)


class AsyncSum(AsyncConsumer):
    """As :class:`Sum`, but answers to a channel."""

    async def sum_up(self, message: dict[str, Any]) -> None:
        answer = {"type": "sum", "sum": sum(message["numbers"])}
        await self.channel_layer.send(message["channel"], answer)
