"""Every protocol that Channels routes."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dropin.settings")
django_application = get_asgi_application()

from channels.auth import AuthMiddlewareStack  # noqa: E402
from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter  # noqa: E402
from channels.security.websocket import AllowedHostsOriginValidator  # noqa: E402
from django.urls import path, re_path  # noqa: E402

from . import consumers  # noqa: E402

http = URLRouter(
    [
        path("poll/<str:room>", consumers.LongPoll.as_asgi()),
        re_path(r"", django_application),
    ]
)
websocket = URLRouter(
    [
        path("sync/<str:room>", consumers.Shout.as_asgi()),
        path("async/<str:room>", consumers.AsyncShout.as_asgi()),
        path("everyone", consumers.Everyone.as_asgi()),
        path("async-everyone", consumers.AsyncEveryone.as_asgi()),
    ]
)
channel = ChannelNameRouter(
    {"sum": consumers.Sum.as_asgi(), "async-sum": consumers.AsyncSum.as_asgi()}
)
application = ProtocolTypeRouter(
    {
        "http": http,
        "websocket": AllowedHostsOriginValidator(AuthMiddlewareStack(websocket)),
        "channel": channel,
    }
)
