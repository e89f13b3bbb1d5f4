"""CHANNEL_LAYERS: one object for each alias, here and in Channels."""

import pytest
from benchmarks.redis_server import RedisServer
from django_support import WITHOUT, run

with_and_without_channels = pytest.mark.parametrize("start", ["", WITHOUT], ids=["channels", "no"])


@with_and_without_channels
def test_an_alias_is_one_object_in_every_thread(start: str) -> None:
    run(
        """
        set_up(CHANNEL_LAYERS={"default": {**MEMORY, "CONFIG": {"capacity": 7}}, "other": MEMORY})
        from fairway.django import channel_layers, get_channel_layer
        seen = []
        threads = [threading.Thread(target=lambda: seen.append(get_channel_layer()))
                   for _ in range(20)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        assert len(seen) == 20 and len(set(map(id, seen))) == 1
        assert seen[0].capacity == 7
        assert channel_layers["default"] is seen[0]
        assert channel_layers["other"] is get_channel_layer("other") is not seen[0]
        assert list(channel_layers) == ["default", "other"]
        assert "other" in channel_layers and "another" not in channel_layers
        """,
        start,
    )


@pytest.mark.parametrize("apps", ["'channels', ", "'channels.apps.ChannelsConfig', ", ""])
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_channels_gives_the_same_object(apps: str, first: str) -> None:
    run(f"""
        set_up({apps}CHANNEL_LAYERS={{"default": MEMORY, "other": MEMORY}})
        import channels.layers
        import fairway.django
        for alias in ("default", "other"):
            ask = [fairway.django.get_channel_layer, channels.layers.get_channel_layer]
            if {first!r} == "theirs":
                ask.reverse()
            one, other = (get(alias) for get in ask)
            assert one is other
        with override_settings(CHANNEL_LAYERS={{"default": MEMORY}}):
            assert fairway.django.get_channel_layer() is channels.layers.get_channel_layer()
        """)


@with_and_without_channels
def test_override_settings_makes_new_layers(start: str) -> None:
    run(
        """
        set_up(CHANNEL_LAYERS={"default": MEMORY})
        from fairway.django import channel_layers, get_channel_layer
        before = get_channel_layer()
        with override_settings(CHANNEL_LAYERS={"new": {**MEMORY, "CONFIG": {"capacity": 3}}}):
            assert get_channel_layer("new").capacity == 3
            assert list(channel_layers) == ["new"]
            check_refused(get_channel_layer, "no 'default'", "it has 'new'")
        with override_settings(SOMETHING_ELSE=5):
            same = get_channel_layer()
        assert get_channel_layer() is same is not before
        """,
        start,
    )


def test_test_config() -> None:
    run("""
        from fairway.django import channel_layers, get_channel_layer, layers_for_tests
        set_up(CHANNEL_LAYERS={
            "default": {**MEMORY, "CONFIG": {"capacity": 7}, "TEST_CONFIG": {"capacity": 2}},
            "other": MEMORY,
        })
        before, other = get_channel_layer(), get_channel_layer("other")
        with layers_for_tests():
            assert get_channel_layer().capacity == 2
            assert get_channel_layer("other") is other
        assert get_channel_layer() is before

        @layers_for_tests()
        def test():
            return get_channel_layer()
        assert test().capacity == 2 and test() is not test()
        assert get_channel_layer() is before
        """)


def test_test_config_in_async_code() -> None:
    run("""
        import asyncio
        from fairway.django import get_channel_layer, layers_for_tests
        set_up(CHANNEL_LAYERS={
            "default": {**MEMORY, "TEST_CONFIG": {"capacity": 2}}})
        before = get_channel_layer()

        @layers_for_tests()
        async def test():
            await asyncio.sleep(0)
            return get_channel_layer()

        async def main():
            assert (await test()).capacity == 2
            async with layers_for_tests():
                assert get_channel_layer().capacity == 2
            assert get_channel_layer() is before
            check_refused(layers_for_tests().__enter__, "async with")

        asyncio.run(main())
        assert get_channel_layer() is before
        """)


def test_layers_of_tests_are_closed() -> None:
    """So that no test finds members of the one before in its groups."""
    with RedisServer() as server:
        run(f"""
            set_up(CHANNEL_LAYERS={{
                "default": {{**REDIS, "TEST_CONFIG": {{"hosts": [{server.url!r}]}}}}}})
            from fairway.django import get_channel_layer, layers_for_tests
            for n in range(3):
                with layers_for_tests():
                    layer = get_channel_layer().blocking
                    channel = layer.new_channel()
                    layer.group_add("room", channel)
                    assert layer.group_channels("room") == [channel]
                    layer.group_send("room", {{"n": n}})
                    assert layer.receive(channel, 30) == {{"n": n}}
            """)


def test_a_layer_can_be_set() -> None:
    run("""
        set_up(CHANNEL_LAYERS={"default": MEMORY})
        from fairway.django import channel_layers, get_channel_layer
        from fairway.memory import InMemoryChannelLayer
        layer = InMemoryChannelLayer()
        assert channel_layers.set("default", layer) is None
        assert get_channel_layer() is layer
        assert channel_layers.set("default", None) is layer
        assert get_channel_layer() is not layer
        """)


def test_mistakes_are_named() -> None:
    run("""
        set_up()
        from fairway.django import get_channel_layer
        check_refused(get_channel_layer, "CHANNEL_LAYERS = ", '"default"', "fairway.redis")
        for layers, words in [
            ({"defualt": MEMORY}, ["no 'default'", "did you mean 'defualt'"]),
            ({"default": {}}, ["'default'", "'BACKEND'"]),
            ({"default": "memory"}, ["'memory'", '"BACKEND"']),
            ({"default": {"BACKEND": "nowhere.Layer"}}, ["'nowhere.Layer'", "nowhere"]),
            ({"default": {**MEMORY, "CONFIG": {"hosts": []}}}, ["'CONFIG'", "no option 'hosts'"]),
            ({"default": {**MEMORY, "CONFIG": {"expiry": "1"}}}, ["'default'", "expiry is '1'"]),
        ]:
            with override_settings(CHANNEL_LAYERS=layers):
                check_refused(get_channel_layer, *words)
        """)


@with_and_without_channels
def test_where_routing_comes_from(start: str) -> None:
    run(
        """
        set_up(CHANNEL_LAYERS={"default": {**MEMORY, "ROUTING": "mysite.routes"}, "bare": MEMORY})
        from fairway.django import get_channel_layer
        from fairway.django.layers import routing_of
        assert get_channel_layer().capacity == 100
        assert routing_of() == "mysite.routes"
        assert routing_of("default", "other.routes") == "other.routes"
        assert routing_of("bare") is None
        with override_settings(CHANNEL_ROUTING="common.routes"):
            assert routing_of("bare") == "common.routes"
            assert routing_of() == "mysite.routes"
        check_refused(lambda: routing_of("nowhere"), "no 'nowhere'")
        """,
        start,
    )


def test_a_routing_key_beside_channels_is_refused_whoever_asks() -> None:
    run("""
        set_up("channels", CHANNEL_LAYERS={"default": {**MEMORY, "ROUTING": "mysite.routes"}})
        from fairway.django import get_channel_layer
        check_refused(get_channel_layer, "'ROUTING'", "CHANNEL_ROUTING")
        """)


@with_and_without_channels
def test_groups_and_channels_outside_of_a_worker(start: str) -> None:
    """A view, or a thread of a plain script."""
    run(
        """
        set_up(CHANNEL_LAYERS={"default": MEMORY, "other": MEMORY})
        from fairway.django import get_channel_layer
        from fairway.routing import Channel, Group
        layer = get_channel_layer()
        assert Group("chat").layer is layer is Channel("work").layer
        channel = layer.blocking.new_channel()
        def view():
            Group("chat").add(channel)
            Group("chat").send({"n": 1})
        thread = threading.Thread(target=view)
        thread.start()
        thread.join()
        assert layer.blocking.receive(channel, 30) == {"n": 1}
        assert Group("chat", layer=get_channel_layer("other")).channels() == []
        """,
        start,
    )


def test_groups_need_a_layer_of_ours() -> None:
    run("""
        set_up(CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}})
        from fairway.routing import Group
        check_refused(lambda: Group("chat"), "channels.layers.InMemoryChannelLayer", "fairway")
        """)
