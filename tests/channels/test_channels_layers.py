"""How Channels finds, keeps, swaps and calls layers."""

import asyncio
import secrets
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from channels.exceptions import ChannelFull, InvalidChannelLayerError
from channels.layers import channel_layers as manager
from channels.layers import get_channel_layer
from channels_support import PATIENCE, Backend
from django.test import override_settings

pytestmark = pytest.mark.usefixtures("channel_layers")


@pytest.fixture
def name() -> str:
    return f"name-{secrets.token_hex(4)}"


def test_there_is_one_layer_of_an_alias() -> None:
    assert get_channel_layer() is get_channel_layer("default")
    assert get_channel_layer("second") is get_channel_layer("second")
    assert get_channel_layer("second") is not get_channel_layer()
    assert get_channel_layer("third") is None


def test_changed_settings_make_another_layer(channel_layers: Backend) -> None:
    before = get_channel_layer()
    with override_settings(CHANNEL_LAYERS={"default": {**channel_layers.layer}}):
        assert get_channel_layer() is not before
        assert get_channel_layer("second") is None


def test_a_test_swaps_a_layer() -> None:
    layer, other = get_channel_layer(), get_channel_layer("second")
    assert manager.set("default", other) is layer
    assert get_channel_layer() is other
    manager.set("default", layer)


def test_test_config(channel_layers: Backend) -> None:
    config = channel_layers.layer.get("CONFIG", {})
    entry = {**channel_layers.layer, "TEST_CONFIG": {**config, "capacity": 7}}
    with override_settings(CHANNEL_LAYERS={"default": entry}):
        assert manager.make_test_backend("default").capacity == 7
        assert manager.make_backend("default").capacity == 100


def test_routing_is_refused_by_channels_itself(channel_layers: Backend) -> None:
    entry = {**channel_layers.layer, "ROUTING": "dropin.routing.routes"}
    with (
        override_settings(CHANNEL_LAYERS={"default": entry}),
        pytest.raises(InvalidChannelLayerError, match="ROUTING"),
    ):
        get_channel_layer()


def test_the_shell_of_the_tutorial(name: str) -> None:
    layer = get_channel_layer()
    async_to_sync(layer.send)(name, {"type": "hello"})
    assert async_to_sync(layer.receive)(name) == {"type": "hello"}


async def test_receive_as_code_for_channels_redis_calls_it() -> None:
    """By the full name of a channel, from a prefix that ends in a dot, as Channels has it."""
    layer = get_channel_layer()
    channel = await layer.new_channel("reply.")
    await layer.send(channel, {"type": "hello"})
    assert await asyncio.wait_for(layer.receive(channel), PATIENCE) == {"type": "hello"}


async def test_a_full_channel_raises_what_channels_has(name: str) -> None:
    layer = get_channel_layer()
    for _ in range(layer.capacity):
        await layer.send(name, {"type": "hello"})
    with pytest.raises(ChannelFull):
        await layer.send(name, {"type": "hello"})
    with pytest.raises(layer.ChannelFull):
        await layer.send(name, {"type": "hello"})


@pytest.mark.parametrize("bad", ["", "a b", "é", "x" * 1000, 5, None, "x\n"])
async def test_bad_names_raise_what_channels_raises(bad: Any) -> None:
    layer = get_channel_layer()
    with pytest.raises(TypeError):
        await layer.send(bad, {"type": "hello"})
    with pytest.raises(TypeError):
        await layer.group_add(bad, "channel")
    with pytest.raises(TypeError):
        layer.require_valid_channel_name(bad)
    with pytest.raises(TypeError):
        layer.require_valid_group_name(bad)


async def test_strangers_are_quiet(name: str) -> None:
    layer = get_channel_layer()
    await layer.group_discard(name, "nobody")
    await layer.group_send(name, {"type": "hello"})
    assert {"groups", "flush"} <= set(layer.extensions)


async def test_sync_code_in_a_thread_of_the_loop(name: str) -> None:
    """A sync consumer's and a sync view's way: `async_to_sync` under `sync_to_async`."""
    layer = get_channel_layer()
    channel = await layer.new_channel()

    def work() -> None:
        async_to_sync(layer.group_add)(name, channel)
        async_to_sync(layer.group_send)(name, {"type": "hello"})

    await sync_to_async(work)()
    assert await asyncio.wait_for(layer.receive(channel), PATIENCE) == {"type": "hello"}


def test_threads_without_a_loop(name: str) -> None:
    """A task queue's way: `async_to_sync` in threads that have never seen a loop."""
    layer = get_channel_layer()
    threads = [
        threading.Thread(target=async_to_sync(layer.send), args=(name, {"number": number}))
        for number in range(10)
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join(PATIENCE)
    numbers = {async_to_sync(layer.receive)(name)["number"] for _ in threads}
    assert numbers == set(range(10))


@pytest.fixture
def closed() -> Iterator[Any]:
    layer = get_channel_layer()
    asyncio.run(layer.close())
    return layer


async def test_a_closed_layer_begins_anew(closed: Any, name: str) -> None:
    channel = await closed.new_channel()
    await closed.group_add(name, channel)
    await closed.group_send(name, {"type": "hello"})
    assert await asyncio.wait_for(closed.receive(channel), PATIENCE) == {"type": "hello"}
