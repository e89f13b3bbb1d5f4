"""A project of Channels."""

from channels.generic.websocket import AsyncWebsocketConsumer
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

django = get_asgi_application()


class Chat(AsyncWebsocketConsumer):
    groups = ("chat",)

    async def receive(self, text_data):
        await self.channel_layer.group_send("chat", {"type": "chat.say", "text": text_data})

    async def chat_say(self, event):
        await self.send(event["text"])


application = ProtocolTypeRouter(
    {"http": django, "websocket": URLRouter([path("chat", Chat.as_asgi())])}
)
