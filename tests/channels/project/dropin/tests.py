"""A project's own tests, for `manage.py test`: Channels' communicators and live server."""

import json
import urllib.request
from functools import partial
from importlib.metadata import version
from unittest import skipUnless

import django
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from channels.testing import ChannelsLiveServerTestCase, WebsocketCommunicator
from daphne.testing import DaphneProcess
from django.test import TestCase, TransactionTestCase
from websockets.sync.client import connect

from dropin.asgi import application

PATIENCE = 60.0  # seconds; a busy machine may take its time
ORIGIN = [(b"origin", b"http://localhost"), (b"host", b"localhost")]


async def two_talk(room: str) -> None:
    one = WebsocketCommunicator(application, f"/sync/{room}", headers=ORIGIN)
    two = WebsocketCommunicator(application, f"/async/{room}", headers=ORIGIN)
    for each in (one, two):
        accepted, _ = await each.connect(timeout=PATIENCE)
        assert accepted
    await one.send_to(text_data="ahoy")
    for each in (one, two):
        assert await each.receive_from(timeout=PATIENCE) == "ahoy"
    assert await one.receive_nothing()
    for each in (two, one):
        await each.disconnect(timeout=PATIENCE)


class InATransaction(TestCase):
    async def test_two_talk(self) -> None:
        await two_talk("transaction")

    def test_sync(self) -> None:
        layer = get_channel_layer()
        async_to_sync(layer.send)("test", {"type": "hello"})
        assert async_to_sync(layer.receive)("test") == {"type": "hello"}

    def test_a_view_that_announces(self) -> None:
        layer = get_channel_layer()
        async_to_sync(layer.group_add)("viewed", "viewers")
        assert self.client.get("/announce/viewed/ahoy").content == b"announced"
        heard = async_to_sync(layer.receive)("viewers")
        assert heard == {"type": "room.said", "text": "ahoy"}


class Committed(TransactionTestCase):
    async def test_two_talk(self) -> None:
        await two_talk("committed")


# Django 5.2 calls the class, where a Channels before 4.3 has a method of the instance.
CHANNELS = tuple(map(int, version("channels").split(".")[:2]))
LIVE_WORKS = CHANNELS >= (4, 3) or django.VERSION < (5, 2)


@skipUnless(LIVE_WORKS, "this Channels' live server is for a Django before 5.2")
class Live(ChannelsLiveServerTestCase):
    # Daphne drops a socket that isn't open after five seconds.
    ProtocolServerProcess = partial(DaphneProcess, kwargs={"websocket_handshake_timeout": PATIENCE})

    def test_two_clients(self) -> None:
        with self.socket("/sync/live") as one, self.socket("/async/live") as two:
            one.send("ahoy")
            assert [each.recv(PATIENCE) for each in (one, two)] == ["ahoy", "ahoy"]
            self.get("/announce/live/announced")
            assert [each.recv(PATIENCE) for each in (one, two)] == ["announced"] * 2

    def test_another_test_on_the_same_server(self) -> None:
        with self.socket("/everyone") as one, self.socket("/async-everyone") as two:
            one.send(json.dumps({"text": "ahoy"}))
            for each in (one, two):
                assert json.loads(each.recv(PATIENCE)) == {"text": "ahoy"}

    def socket(self, path: str) -> connect:
        origin = self.live_server_url
        return connect(self.live_server_ws_url + path, origin=origin, open_timeout=PATIENCE)

    def get(self, path: str) -> None:
        with urllib.request.urlopen(self.live_server_url + path, timeout=PATIENCE) as response:
            assert response.read() == b"announced"
