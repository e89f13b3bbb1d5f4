"""The 2016 channel-layer specification, name by name, on `layer.blocking` of every store."""

import threading
import time
from collections.abc import Callable

import pytest

from fairway.layer import ChannelLayer

PATIENCE = 30.0
MakeLayer = Callable[..., ChannelLayer]


def until(condition: Callable[[], object], what: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, what
        time.sleep(0.01)


def test_send_and_receive_many_without_block(make_layer: MakeLayer) -> None:
    layer = make_layer().blocking
    assert layer.receive_many(["thumbnails"]) == (None, None)
    layer.send("thumbnails", {"id": 5})
    got: list[object] = []

    def received() -> bool:
        got[:] = layer.receive_many(["other", "thumbnails"], False)
        return got != [None, None]

    until(received, "the message never came")
    assert got == ["thumbnails", {"id": 5}]
    assert layer.receive_many(["thumbnails"]) == (None, None)


def test_receive_many_with_block_waits(make_layer: MakeLayer) -> None:
    layer = make_layer().blocking
    channel = layer.new_channel("http.response!")
    threading.Timer(0.1, layer.send, [channel, {"status": 200}]).start()
    assert layer.receive_many([channel], True) == (channel, {"status": 200})


@pytest.mark.parametrize("pattern", ["http.response!", "http.response!?", "!http.response.?"])
def test_new_channel_takes_a_pattern(make_layer: MakeLayer, pattern: str) -> None:
    layer = make_layer().blocking
    one, two = layer.new_channel(pattern), layer.new_channel(pattern)
    assert one != two
    for channel in (one, two):
        front, mark, local = channel.partition("!")
        assert front.startswith("http.response.")
        assert mark
        assert local
        layer.send(channel, {"to": channel})
    assert layer.receive_many([two], True) == (two, {"to": two})
    assert layer.receive_many([one], True) == (one, {"to": one})


@pytest.mark.parametrize("pattern", ["http.request.body?", "http.response.?"])
def test_new_channel_says_that_there_are_no_single_reader_channels(
    make_layer: MakeLayer, pattern: str
) -> None:
    layer = make_layer().blocking
    with pytest.raises(TypeError, match=r"no single-reader channels.*new_channel\('http\.re.*!'\)"):
        layer.new_channel(pattern)


def test_channel_full(make_layer: MakeLayer) -> None:
    layer = make_layer(channel_capacity={"small": 2}).blocking
    for n in range(2):
        layer.send("small", {"n": n})
    with pytest.raises(layer.ChannelFull):
        layer.send("small", {"n": 2})
    assert layer.channel_statistics("small")["channel_full_count"] == 1


def test_message_too_large(make_layer: MakeLayer) -> None:
    layer = make_layer().blocking
    layer.send("large", {"data": b"x" * 1024 * 1024})  # the specification's least
    assert len(layer.receive_many(["large"], True)[1]["data"]) == 1024 * 1024
    with pytest.raises(layer.MessageTooLarge):
        layer.send("large", {"data": b"x" * 100 * 1024 * 1024})


def test_extensions_and_group_expiry(make_layer: MakeLayer) -> None:
    layer = make_layer(group_expiry=600).blocking
    assert layer.extensions == ["groups", "flush", "statistics"]
    assert layer.group_expiry == 600


def test_groups(make_layer: MakeLayer) -> None:
    layer = make_layer().blocking
    one, two = layer.new_channel("a!"), layer.new_channel("b!")
    for channel in (one, two, two):
        layer.group_add("all", channel)
    until(lambda: sorted(layer.group_channels("all")) == sorted([one, two]), "not both members")
    layer.send_group("all", {"n": 1})
    for channel in (one, two):
        assert layer.receive_many([channel], True) == (channel, {"n": 1})
    layer.group_discard("all", one)
    layer.group_discard("all", one)  # does nothing otherwise
    layer.send_group("all", {"n": 2})
    assert layer.receive_many([one, two], True) == (two, {"n": 2})
    until(lambda: layer.group_channels("all") == [two], "the other is still a member")


def test_send_group_never_raises_channel_full(make_layer: MakeLayer) -> None:
    layer = make_layer(capacity=1).blocking
    channel = layer.new_channel("a!")
    layer.group_add("all", channel)
    for n in range(3):
        layer.send_group("all", {"n": n})
    assert layer.receive_many([channel], True) == (channel, {"n": 0})
    with pytest.raises(layer.MessageTooLarge):
        layer.send_group("all", {"data": b"x" * 100 * 1024 * 1024})


def test_statistics(make_layer: MakeLayer) -> None:
    layer = make_layer().blocking
    for n in range(3):
        layer.send("work", {"n": n})
    for figures in (layer.global_statistics(), layer.channel_statistics("work")):
        assert figures["messages_count"] == 3
        assert figures["messages_pending"] == 3
        assert figures["messages_count_per_second"] >= 0
        assert 0 <= figures["messages_max_age"] < 60
        assert figures["channel_full_count"] == 0


def test_flush(make_layer: MakeLayer) -> None:
    layer = make_layer().blocking
    channel = layer.new_channel("a!")
    layer.group_add("all", channel)
    layer.send("work", {})
    layer.send(channel, {})
    layer.flush()
    assert layer.receive_many(["work", channel]) == (None, None)
    assert layer.group_channels("all") == []


def test_a_single_reader_and_writer_see_order(make_layer: MakeLayer) -> None:
    layer = make_layer().blocking
    channel = layer.new_channel("a!")
    for n in range(50):
        layer.send(channel, {"n": n})
    assert [layer.receive_many([channel], True)[1]["n"] for _ in range(50)] == list(range(50))
