"""The project as one ASGI application, as Channels has it."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatsite.settings")
django = get_asgi_application()  # before what needs Django to be set up

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from chat.consumers import Room  # noqa: E402
from django.urls import path  # noqa: E402

application = ProtocolTypeRouter(
    {
        "http": django,
        "websocket": URLRouter([path("ws/<slug:room>/", Room.as_asgi())]),
    }
)
