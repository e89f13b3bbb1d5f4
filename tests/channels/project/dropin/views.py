"""Plain views that send to groups."""

from typing import Any

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.http import HttpResponse


def announce(request: Any, room: str, text: str) -> HttpResponse:
    message = {"type": "room.said", "text": text}
    async_to_sync(get_channel_layer().group_send)(room, message)
    return HttpResponse("announced")


async def announce_async(request: Any, room: str, text: str) -> HttpResponse:
    await get_channel_layer().group_send(room, {"type": "room.said", "text": text})
    return HttpResponse("announced")
