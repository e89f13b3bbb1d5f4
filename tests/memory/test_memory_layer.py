"""The in-memory layer, where it goes beyond the cases of fairway.conformance."""

import enum
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from fairway.errors import ChannelFull, ConfigurationError, InvalidName
from fairway.memory import InMemoryChannelLayer, MemoryStore

PATIENCE = 10.0


class Clock:
    """Seconds that go forward when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def timed_layer(clock: Clock, *, expiry: float = 60, group_expiry: float | None = 86400, **options):
    store = MemoryStore(expiry=expiry, group_expiry=group_expiry, clock=clock)
    return InMemoryChannelLayer(expiry=expiry, group_expiry=group_expiry, store=store, **options)


# -- time ------------------------------------------------------------------------------


async def test_a_message_is_gone_at_its_expiry_and_not_before(clock: Clock) -> None:
    layer = timed_layer(clock, expiry=10)
    await layer.send("early", {"n": 1})
    await layer.send("late", {"n": 1})
    clock.now += 9.999
    assert await layer.receive_many(["early"], timeout=0) == ("early", {"n": 1})
    clock.now += 0.001
    assert await layer.receive_many(["late"], timeout=0) == (None, None)
    assert (await layer.global_statistics())["drops"]["expired"] == 1


async def test_expired_messages_are_counted_once_whoever_meets_them(clock: Clock) -> None:
    layer = timed_layer(clock, expiry=10, capacity=2)
    for channel in ("read", "refilled", "left"):
        await layer.send(channel, {})
        await layer.send(channel, {})
    clock.now += 10
    assert await layer.receive_many(["read"], timeout=0) == (None, None)
    await layer.send("refilled", {})
    for _ in range(3):
        statistics = await layer.global_statistics()
    assert statistics["drops"]["expired"] == 6
    assert statistics["messages_pending"] == statistics["channels"] == 1


async def test_sending_elsewhere_gives_back_what_expired(clock: Clock) -> None:
    """Nobody reads these channels again, nor asks for statistics: memory returns all the same."""
    layer = timed_layer(clock, expiry=8)
    for n in range(1000):
        await layer.send(f"c{n}", {"n": n})
    for _ in range(10):
        clock.now += 1
        await layer.send("alive", {})
        await layer.receive("alive")
    assert len(layer.store._mailbox.inbox._queues) < 300
    assert layer.store.drops.counts()["expired"] == 1000


async def test_memberships_end_and_their_groups_are_forgotten(clock: Clock) -> None:
    layer = timed_layer(clock, group_expiry=100)
    await layer.group_add("g", "a")
    await layer.group_add("g", "b")
    await layer.group_add("h", "a")
    clock.now += 60
    await layer.group_add("g", "b")
    clock.now += 40
    assert await layer.group_channels("g") == ["b"]
    assert await layer.group_channels("h") == []
    assert (await layer.global_statistics())["groups"] == 1
    await layer.group_send("g", {"n": 1})
    assert await layer.receive_many(["a", "b"], timeout=0) == ("b", {"n": 1})
    assert await layer.receive_many(["a", "b"], timeout=0) == (None, None)


async def test_without_group_expiry_memberships_stay(clock: Clock) -> None:
    layer = timed_layer(clock, group_expiry=None)
    await layer.group_add("g", "a")
    clock.now += 1e9
    assert await layer.group_channels("g") == ["a"]


async def test_ages_and_rates(clock: Clock) -> None:
    layer = timed_layer(clock, expiry=60)
    for _ in range(20):
        clock.now += 1
        await layer.send("a", {})
        await layer.send("b", {})
        await layer.receive("b")
    statistics = await layer.global_statistics()
    assert statistics["messages_max_age"] == 19
    assert statistics["messages_count"] == 40
    assert statistics["messages_count_per_second"] == pytest.approx(4 / 2, rel=0.2)
    of_a, of_b = [await layer.channel_statistics(name) for name in "ab"]
    assert (of_a["messages_pending"], of_b["messages_pending"]) == (20, 0)
    assert (of_a["messages_max_age"], of_b["messages_max_age"]) == (19, 0)
    assert of_a["messages_count_per_second"] == pytest.approx(1, rel=0.2)


# -- one store, several nodes ----------------------------------------------------------


async def test_layers_that_share_a_store_reach_one_another() -> None:
    one = InMemoryChannelLayer()
    other = InMemoryChannelLayer(store=one.store)
    assert one.node != other.node
    mine = await one.new_channel()
    await other.send(mine, {"n": 1})
    assert await one.receive(mine) == {"n": 1}
    with pytest.raises(InvalidName, match="only be received by the process that made it"):
        await other.receive(mine)
    await one.group_add("g", mine)
    await other.group_send("g", {"n": 2})
    assert await one.receive(mine) == {"n": 2}
    apart = InMemoryChannelLayer()
    await apart.group_send("g", {"n": 3})
    assert await one.receive_many([mine], timeout=0) == (None, None)


async def test_a_closed_layer_leaves_a_shared_store_to_the_others() -> None:
    one = InMemoryChannelLayer()
    other = InMemoryChannelLayer(store=one.store)
    store = one.store
    await other.group_add("g", await other.new_channel())
    await other.group_add("g", "work")
    await one.group_add("g", mine := await one.new_channel())
    before = other.node
    await other.close()
    assert other.node != before
    assert other.store is store
    assert sorted(await one.group_channels("g")) == sorted(["work", mine])
    await other.send("work", {"n": 1})
    assert await one.receive("work") == {"n": 1}


async def test_a_closed_layer_starts_anew_and_empty() -> None:
    layer = InMemoryChannelLayer(capacity=1)
    old = await layer.new_channel()
    await layer.send("work", {"n": 1})
    await layer.group_add("g", "work")
    await layer.close()
    assert await layer.receive_many(["work"], timeout=0) == (None, None)
    assert await layer.group_channels("g") == []
    with pytest.raises(InvalidName):
        await layer.receive(old)
    await layer.send("work", {"n": 2})
    with pytest.raises(ChannelFull):
        await layer.send("work", {"n": 3})
    assert await layer.receive("work") == {"n": 2}


# -- what is handed in -----------------------------------------------------------------


class Channel(str, enum.Enum):
    WORK = "work"


async def test_members_of_a_str_enum_are_names() -> None:
    layer = InMemoryChannelLayer()
    await layer.send(Channel.WORK, {"n": 1})
    assert await layer.receive("work") == {"n": 1}
    await layer.send("work", {"n": 2})
    assert await layer.receive(Channel.WORK) == {"n": 2}
    await layer.send("work", {"n": 3})
    channel, _ = await layer.receive_many([Channel.WORK], timeout=0)
    assert type(channel) is str
    await layer.group_add("g", Channel.WORK)
    assert [type(name) for name in await layer.group_channels("g")] == [str]


async def test_the_channels_to_read_may_come_from_any_iterable() -> None:
    layer = InMemoryChannelLayer()
    await layer.send("b", {"n": 1})
    names: Iterator[str] = (name for name in "ab")
    assert await layer.receive_many(names, timeout=PATIENCE) == ("b", {"n": 1})
    await layer.send("b", {"n": 2})
    assert await layer.receive_many({"a": 0, "b": 0}.keys(), timeout=0) == ("b", {"n": 2})


@pytest.mark.parametrize("channels", [[], (), "work", b"work", None, iter([])])
async def test_no_channels_to_read_is_an_error(channels) -> None:
    layer = InMemoryChannelLayer()
    with pytest.raises(InvalidName, match="a list of one or more channel names"):
        await layer.receive_many(channels, timeout=0)
    with pytest.raises(InvalidName, match="a list of one or more channel names"):
        layer.blocking.receive_many(channels)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"expiry": 0}, "expiry is 0; it is a number of seconds above 0"),
        ({"expiry": "60"}, "expiry is '60'; it is"),
        ({"expiry": True}, "expiry is True; it is"),
        ({"expiry": float("nan")}, "expiry is nan; it is"),
        ({"expiry": None}, "expiry is None; it is"),
        ({"group_expiry": -1}, "group_expiry is -1; it is"),
        ({"capacity": 0}, "capacity is 0; it is a whole number of messages, 1 or more"),
        ({"channel_capacity": {"a*": 0}}, "channel_capacity['a*'] is 0; it is"),
        ({"max_message_size": 0}, "max_message_size is 0; it is a number of bytes, 1 or more"),
        ({"max_message_size": 1.5}, "max_message_size is 1.5; it is"),
        ({"hosts": []}, "InMemoryChannelLayer has no option 'hosts'; it has expiry, group_expiry"),
    ],
)
def test_options_are_checked_in_the_words_of_the_settings(options, said: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        InMemoryChannelLayer(**options)
    assert str(caught.value).startswith(said)


# -- without asyncio -------------------------------------------------------------------


def test_the_blocking_face_needs_no_loop() -> None:
    layer = InMemoryChannelLayer(capacity=2)
    plain = layer.blocking
    channel = plain.new_channel("x")
    assert channel.startswith(f"x.{layer.node}!")
    plain.send(channel, {"n": 1})
    assert plain.receive(channel) == {"n": 1}
    assert plain.receive(channel, timeout=0.001) is None
    assert plain.receive_many([channel, "work"]) == (None, None)
    assert plain.receive_many([channel], block=True, timeout=0.001) == (None, None)
    plain.group_add("g", channel)
    plain.group_add("g", "work")
    assert sorted(plain.group_channels("g")) == sorted([channel, "work"])
    plain.group_discard("g", "work")
    plain.send_group("g", {"n": 2})
    plain.group_send("g", {"n": 3})
    with pytest.raises(ChannelFull):
        plain.send(channel, {"n": 4})
    assert plain.channel_statistics(channel)["channel_full_count"] == 1
    assert plain.global_statistics()["messages_pending"] == 2
    assert plain.receive_many(["work", channel], block=True) == (channel, {"n": 2})
    plain.flush()
    assert plain.receive_many([channel]) == (None, None)
    assert plain.group_channels("g") == []


def test_a_blocking_wait_lasts_no_longer_than_its_timeout_and_no_shorter() -> None:
    plain = InMemoryChannelLayer().blocking
    start = time.monotonic()
    assert plain.receive("work", timeout=0.05) is None
    assert time.monotonic() - start >= 0.05
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(plain.receive, "work", PATIENCE)
        plain.send("work", {"n": 1})
        assert reading.result(PATIENCE) == {"n": 1}
