"""Channels' own consumers, in Channels' own communicators, on each backend."""

import asyncio
import secrets
from typing import Any

import pytest
from channels.layers import get_channel_layer
from channels.routing import ChannelNameRouter, URLRouter
from channels.testing import ApplicationCommunicator, HttpCommunicator, WebsocketCommunicator
from channels_support import PATIENCE
from django.urls import path
from dropin import consumers

pytestmark = pytest.mark.usefixtures("channel_layers")

CHATS = {"sync": consumers.Shout, "async": consumers.AsyncShout}
JSON = {"sync": consumers.Everyone, "async": consumers.AsyncEveryone}


@pytest.fixture
def room() -> str:
    return f"room-{secrets.token_hex(4)}"


@pytest.fixture(params=CHATS)
def chat(request: pytest.FixtureRequest) -> Any:
    return URLRouter([path("chat/<str:room>", CHATS[request.param].as_asgi())])


async def connected(application: Any, path: str) -> WebsocketCommunicator:
    communicator = WebsocketCommunicator(application, path)
    accepted, _ = await communicator.connect(timeout=PATIENCE)
    assert accepted
    return communicator


async def heard(*communicators: WebsocketCommunicator) -> list[str | bytes]:
    return [await each.receive_from(timeout=PATIENCE) for each in communicators]


async def end(*communicators: WebsocketCommunicator) -> None:
    for each in communicators:
        await each.disconnect(timeout=PATIENCE)


async def somebody_in(room: str) -> None:
    """Return when the group has a member; the test's own time limit ends the waiting."""
    layer = get_channel_layer()
    while not await layer.group_channels(room):  # noqa: ASYNC110  # the store tells nobody
        await asyncio.sleep(0.01)


async def test_a_room_hears_its_members_and_no_other_room(chat: Any, room: str) -> None:
    one, two = await connected(chat, f"chat/{room}"), await connected(chat, f"chat/{room}")
    other = await connected(chat, f"chat/{room}-other")
    await one.send_to(text_data="ahoy")
    assert await heard(one, two) == ["ahoy", "ahoy"]
    await other.send_to(text_data="elsewhere")
    assert await heard(other) == ["elsewhere"]  # and not "ahoy"
    await two.send_to(bytes_data=b"\x00\xff")
    assert await heard(one, two) == [b"\x00\xff", b"\x00\xff"]
    await end(one, two, other)


async def test_many_messages_arrive_in_order(chat: Any, room: str) -> None:
    one, two = await connected(chat, f"chat/{room}"), await connected(chat, f"chat/{room}")
    for number in range(50):
        await one.send_to(text_data=str(number))
    for each in (one, two):
        assert [await each.receive_from(timeout=PATIENCE) for _ in range(50)] == [
            str(number) for number in range(50)
        ]
    await end(one, two)


async def test_the_disconnect_handler_leaves_and_says_so(chat: Any, room: str) -> None:
    one, two = await connected(chat, f"chat/{room}"), await connected(chat, f"chat/{room}")
    await two.disconnect(code=1001, timeout=PATIENCE)
    assert await heard(one) == ["left with 1001"]
    assert len(await get_channel_layer().group_channels(room)) == 1
    await end(one)
    assert await get_channel_layer().group_channels(room) == []


async def test_a_consumer_closes_its_socket(chat: Any, room: str) -> None:
    one = await connected(chat, f"chat/{room}")
    await one.send_to(text_data="bye")
    closing = await one.receive_output(timeout=PATIENCE)
    assert (closing["type"], closing["code"]) == ("websocket.close", 4001)
    await end(one)


async def test_messages_come_from_outside_too(chat: Any, room: str) -> None:
    one = await connected(chat, f"chat/{room}")
    layer = get_channel_layer()
    message = {"type": "room.said", "text": "to all"}
    await layer.group_send(room, message)
    (channel,) = await layer.group_channels(room)
    await layer.send(channel, {"type": "room.said", "text": "to you"})
    assert await heard(one, one) == ["to all", "to you"]
    assert message == {"type": "room.said", "text": "to all"}
    await end(one)


async def test_cancelled_receives_lose_nothing(chat: Any, room: str) -> None:
    """`receive_nothing` and every message from the client cancel what the consumer waits in."""
    one = await connected(chat, f"chat/{room}")
    layer = get_channel_layer()
    for number in range(20):
        assert await one.receive_nothing(timeout=0.01, interval=0.001)
        await asyncio.gather(
            layer.group_send(room, {"type": "room.said", "text": f"outside {number}"}),
            one.send_to(text_data=f"inside {number}"),
        )
        assert sorted(await heard(one, one)) == [f"inside {number}", f"outside {number}"]
    await end(one)


@pytest.mark.parametrize("kind", JSON)
async def test_the_groups_attribute_joins_and_leaves(kind: str) -> None:
    application = JSON[kind].as_asgi()
    one, two = await connected(application, "/"), await connected(application, "/")
    said = {"numbers": [1, 2.5, None, True], "text": "⛵", "nested": {"a": []}}
    await one.send_json_to(said)
    assert await one.receive_json_from(timeout=PATIENCE) == said
    assert await two.receive_json_from(timeout=PATIENCE) == said
    assert len(await get_channel_layer().group_channels("everyone")) == 2
    await end(one, two)
    assert await get_channel_layer().group_channels("everyone") == []


async def test_an_alias_is_another_layer() -> None:
    """Channels' argument for the layer of a consumer: `channel_layer_alias`."""
    first = await connected(consumers.AsyncEveryone.as_asgi(), "/")
    second = await connected(consumers.OnSecondLayer.as_asgi(), "/")
    await first.send_json_to("first")
    await second.send_json_to("second")
    assert await first.receive_json_from(timeout=PATIENCE) == "first"
    assert await second.receive_json_from(timeout=PATIENCE) == "second"
    await end(first, second)


async def test_http_waits_for_a_message_to_a_group(room: str) -> None:
    application = URLRouter([path("poll/<str:room>", consumers.LongPoll.as_asgi())])
    waiting = HttpCommunicator(application, "GET", f"poll/{room}")
    asking = asyncio.ensure_future(waiting.get_response(timeout=PATIENCE))
    await somebody_in(room)
    post = HttpCommunicator(application, "POST", f"poll/{room}", body="ahoy ⛵".encode())
    assert (await post.get_response(timeout=PATIENCE))["status"] == 202
    answer = await asking
    assert (answer["status"], answer["body"]) == (200, "waiting\nahoy ⛵".encode())


async def test_consumers_of_named_channels(room: str) -> None:
    application = ChannelNameRouter(
        {"sum": consumers.Sum.as_asgi(), "async-sum": consumers.AsyncSum.as_asgi()}
    )
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(room, channel)
    for name in ("sum", "async-sum"):
        communicator = ApplicationCommunicator(application, {"type": "channel", "channel": name})
        question = {"type": "sum.up", "numbers": [1, 2, 3], "group": room, "channel": channel}
        await communicator.send_input(question)
        receiving = asyncio.wait_for(layer.receive(channel), PATIENCE)
        assert await receiving == {"type": "sum", "sum": 6}
        communicator.stop()
        assert await communicator.receive_nothing()


async def test_many_sockets_of_one_process_in_one_group(chat: Any, room: str) -> None:
    sockets = await asyncio.gather(*[connected(chat, f"chat/{room}") for _ in range(30)])
    await sockets[0].send_to(text_data="ahoy")
    assert await heard(*sockets) == ["ahoy"] * 30
    layer = get_channel_layer()
    assert len(await layer.group_channels(room)) == 30
    assert len(set(await layer.group_channels(room))) == 30
    for left, each in enumerate(sockets[1:], start=1):
        await each.disconnect(timeout=PATIENCE)
        assert len(await layer.group_channels(room)) == 30 - left
    await end(sockets[0])
