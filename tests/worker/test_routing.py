"""Which consumer takes a message, and what is said about routes that can't work."""

from typing import Any

import pytest

from fairway.errors import ConfigurationError, InvalidMessage
from fairway.memory import InMemoryChannelLayer
from fairway.routing import Channel, Group, Message, Router, current, include, route


def first(message: Any) -> None: ...
def second(message: Any) -> None: ...
def third(message: Any) -> None: ...


def found(router: Router, channel: str, **message: Any) -> Any:
    match = router.match(channel, message)
    return None if match is None else (match.consumer, match.arguments)


def test_the_first_route_that_fits_is_taken() -> None:
    router = Router(
        [
            route("http.request", first, path=r"^/a$", method="GET"),
            route("http.request", second, path=r"^/a"),
            route("websocket.connect", third),
        ]
    )
    assert found(router, "http.request", path="/a", method="GET") == (first, {})
    assert found(router, "http.request", path="/a", method="POST") == (second, {})
    assert found(router, "http.request", path="/b", method="GET") is None
    assert found(router, "http.request") is None
    assert found(router, "websocket.connect", path="/x") == (third, {})
    assert found(router, "websocket.receive", path="/x") is None
    assert router.channels == ["http.request", "websocket.connect"]


def test_named_groups_become_arguments() -> None:
    router = Router([route("x", first, path=r"^/(?P<room>\w+)(/(?P<page>\d+))?$")])
    assert found(router, "x", path="/hall/7") == (first, {"room": "hall", "page": "7"})
    assert found(router, "x", path="/hall") == (first, {"room": "hall"})


def test_filters_look_at_any_key() -> None:
    router = Router([route("x", first, query_string="a=1$", number=r"^\d$")])
    assert found(router, "x", query_string=b"a=1", number=5) == (first, {})
    assert found(router, "x", query_string=b"a=1", number=55) is None


def test_included_routes_see_what_is_left_of_the_value() -> None:
    blog = [route("x", first, path=r"^/(?P<post>\d+)$"), route("x", second, path=r"^$")]
    site = [include(blog, path=r"^/blog"), include([include(blog, path="^/en")], path="^/(?P<a>b)")]
    router = Router([*site, route("x", third)])
    assert found(router, "x", path="/blog/5") == (first, {"post": "5"})
    assert found(router, "x", path="/blog") == (second, {})
    assert found(router, "x", path="/b/en/5") == (first, {"a": "b", "post": "5"})
    assert found(router, "x", path="/blog/x") == (third, {})


def test_import_paths() -> None:
    name = f"{__name__}:some_routes"
    assert found(Router([include(name, path="^/in")]), "x", path="/in/1") == (second, {})
    assert found(Router([route("x", f"{__name__}.first")]), "x") == (first, {})


some_routes = [route("x", second, path=r"^/1")]


def generator(message: Any) -> Any:
    yield message


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: route("", first), r"route\(''.*the first argument is a channel's name"),
        (lambda: route("x", 5), r"route\('x', 5\): a consumer is a function or its import path"),
        (lambda: route("x", first, path="("), r"path='\(' is no regular expression: missing \)"),
        (lambda: route("x", first, path=5), r"path=5 is no regular expression"),
        (lambda: Router([("x", first)]), r"in a list of routes is none: write route\("),
        (lambda: Router([route("x", generator)]), r"generator has a 'yield'"),
        (lambda: Router([route("x", "os.path.nothing")]), r"has no 'nothing'"),
        (lambda: Router([route("x", "os.sep")]), r"that is '/', no function"),
        (lambda: Router([include("os.sep")]), r"that is '/', no list of routes"),
    ],
)
def test_mistakes(make: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        make()


# -- messages, channels, groups ---------------------------------------------------------------


def test_a_message_is_a_mapping() -> None:
    layer = InMemoryChannelLayer()
    reply = layer.blocking.new_channel("websocket.send")
    message = Message("x", {"text": "hi", "reply_channel": reply}, layer=layer)
    assert (message["text"], message.get("bytes"), len(message)) == ("hi", None, 2)
    assert dict(message) == {"text": "hi", "reply_channel": reply}
    assert (str(message.channel), str(message.reply_channel)) == ("x", reply)
    assert repr(message) == "<Message from x: text, reply_channel>"
    assert Message("x", {}, layer=layer).reply_channel is None


def test_channels_and_groups_work_in_a_thread() -> None:
    layer = InMemoryChannelLayer()
    Channel("work", layer=layer).send({"n": 1})
    group = Group("all", layer=layer)
    group.add(Channel("a", layer=layer))
    group.add("b")
    assert sorted(group.channels()) == ["a", "b"]
    group.send({"n": 2})
    group.discard("b")
    assert group.channels() == ["a"]
    assert layer.blocking.receive("work") == {"n": 1}
    assert layer.blocking.receive("b") == {"n": 2}


async def test_channels_and_groups_work_on_a_loop() -> None:
    layer = InMemoryChannelLayer()
    await Channel("work", layer=layer).send({"n": 1})
    group = Group("all", layer=layer)
    await group.add("a")
    await group.add("b")
    await group.discard("b")
    await group.send({"n": 2})
    assert await group.achannels() == ["a"]
    assert await layer.receive("work") == {"n": 1}
    assert await layer.receive("a") == {"n": 2}


async def test_what_is_awaited_raises() -> None:
    layer = InMemoryChannelLayer(capacity=1)
    channel = Channel("work", layer=layer)
    await channel.send({})
    with pytest.raises(layer.ChannelFull):
        await channel.send({})


def test_what_a_thread_awaits_is_done_already() -> None:
    done = Channel("work", layer=InMemoryChannelLayer()).send({})
    with pytest.raises(StopIteration):
        next(iter(done.__await__()))


def test_large_responses_are_cut_into_messages() -> None:
    layer = InMemoryChannelLayer()
    message = Message("http.request", {"reply_channel": "http.response.x!1"}, layer=layer)
    assert message.reply_channel is not None
    name = layer.blocking.new_channel("http.response")
    message = Message("http.request", {"reply_channel": name}, layer=layer)
    assert message.reply_channel is not None
    message.reply_channel.send({"status": 200, "headers": [], "content": bytes(150_000)})
    parts = [layer.blocking.receive(name) for _ in range(3)]
    assert [len(part["content"]) for part in parts if part] == [65536, 65536, 18928]
    assert [part["more_content"] for part in parts if part] == [True, True, False]
    assert [part.get("status") for part in parts if part] == [200, None, None]
    assert message.is_answered


def test_a_response_of_text_is_refused() -> None:
    layer = InMemoryChannelLayer()
    message = Message("http.request", {"reply_channel": "http.response.x!1"}, layer=layer)
    assert message.reply_channel is not None
    with pytest.raises(InvalidMessage, match="'content' of a response is a str; it is bytes"):
        message.reply_channel.send({"status": 200, "content": "text"})


def test_names_compare_and_show() -> None:
    layer = InMemoryChannelLayer()
    one, other = Channel("a", layer=layer), Channel("a", layer=layer)
    assert one == other
    assert len({one, other, Group("a", layer=layer)}) == 2
    assert (str(one), repr(one)) == ("a", "Channel('a')")


def test_without_a_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current._default, "provider", None)  # another test may have set Django up
    with pytest.raises(ConfigurationError, match=r"no channel layer here.*pass layer="):
        Group("all")
