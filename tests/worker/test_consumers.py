"""Plain consumers behind an interface server: answers, order, groups, failures."""

import asyncio
import contextlib
import logging
import random
import threading
import time
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from fairway.memory import InMemoryChannelLayer
from fairway.routing import Channel, Group, Message, route
from server.serving import PATIENCE, site, wait_until, working


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def open_socket(url: str, **options: Any) -> ClientConnection:
    return connect(url, open_timeout=PATIENCE, max_size=None, **options)


def close_code(client: ClientConnection) -> int | None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            client.recv(PATIENCE)
    return client.close_code


def refused_with(url: str) -> int:
    with pytest.raises(InvalidStatus) as refused, open_socket(url):
        pass
    return refused.value.response.status_code


def respond(message: Message, content: bytes, **more: Any) -> Any:
    assert message.reply_channel is not None
    return message.reply_channel.send({"status": 200, "headers": [], "content": content, **more})


def reply(message: Message, **content: Any) -> Any:
    assert message.reply_channel is not None
    return message.reply_channel.send(content)


# -- HTTP -------------------------------------------------------------------------------------


def greet(message: Message, name: str) -> None:
    respond(message, f"{message['method']} {name}".encode())


async def greet_async(message: Message, name: str) -> None:
    await respond(message, f"async {name}".encode())


async def greet_unawaited(message: Message, name: str) -> None:
    respond(message, f"unawaited {name}".encode())


ROUTES = [
    route("http.request", greet, path=r"^/sync/(?P<name>\w+)$"),
    route("http.request", greet_async, path=r"^/async/(?P<name>\w+)$"),
    route("http.request", greet_unawaited, path=r"^/unawaited/(?P<name>\w+)$"),
]


def test_consumers_of_each_kind_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairway.worker.receipt.GRACE", PATIENCE)  # to say "taken" is a message
    with site(ROUTES) as its:
        assert httpx.get(f"{its.http}/sync/ann").text == "GET ann"
        assert httpx.get(f"{its.http}/async/ann").text == "async ann"
        assert httpx.get(f"{its.http}/unawaited/ann").text == "unawaited ann"
        statistics = its.layer.blocking.global_statistics()
    assert (statistics["messages_count"], statistics["messages_pending"]) == (6, 0)


def test_no_route_is_a_404(caplog: pytest.LogCaptureFixture) -> None:
    with site(ROUTES) as its:
        answer = httpx.get(f"{its.http}/elsewhere")
    assert (answer.status_code, answer.text) == (404, "No route for /elsewhere")
    assert [each.getMessage() for each in caplog.records] == ["no route for GET /elsewhere"]


@pytest.mark.parametrize("size", [0, 10, 1_000_000])
def test_a_body_comes_whole(size: int) -> None:
    def measure(message: Message) -> None:
        respond(message, b"%d" % len(message["body"]))

    with site([route("http.request", measure)]) as its:
        assert httpx.post(its.http, content=bytes(size)).text == str(size)


def test_a_body_beyond_the_limit_is_a_413() -> None:
    with site([route("http.request", respond)], worker={"max_body": 100_000}) as its:
        answer = httpx.post(its.http, content=bytes(1_000_000))
    assert (answer.status_code, answer.text) == (413, "The body is larger than 100000 bytes.")


def test_a_response_of_any_size() -> None:
    def much(message: Message) -> None:
        for _ in range(20):
            respond(message, bytes(1_000_000), more_content=True) if not sent else reply(
                message, content=bytes(1_000_000), more_content=True
            )
            sent.append(1)
        reply(message, content=b"")

    sent: list[int] = []
    with site([route("http.request", much)]) as its:
        assert len(httpx.get(its.http, timeout=PATIENCE).content) == 20_000_000


def test_a_consumer_that_raises_is_a_500_and_the_worker_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def boom(message: Message) -> None:
        raise ValueError("on purpose")

    with site([route("http.request", boom, path="/boom"), *ROUTES]) as its:
        answer = httpx.get(f"{its.http}/boom")
        assert httpx.get(f"{its.http}/sync/ann").status_code == 200
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    (record,) = caplog.records
    assert record.getMessage().endswith("boom raised for a message in http.request at /boom")
    assert record.exc_info is not None


def test_the_error_of_an_unawaited_send_is_the_consumers(caplog: pytest.LogCaptureFixture) -> None:
    async def consumer(message: Message) -> None:
        Channel("x").send({"bad": object()})

    with site([route("http.request", consumer)]) as its:
        assert httpx.get(its.http).status_code == 500
    assert "consumer raised" in caplog.records[0].getMessage()


def test_no_answer_in_time_is_a_504() -> None:
    with site([route("http.request", print)], server={"response_timeout": 0.2}) as its:
        answer = httpx.get(its.http)
    assert (answer.status_code, answer.text) == (504, "No consumer answered in time.")


def test_another_process_may_answer() -> None:
    """A consumer hands the request on; whoever takes it answers."""

    def hand_on(message: Message) -> None:
        Channel("later").send({"reply_channel": message["reply_channel"]})

    def later(message: Message) -> None:
        respond(message, b"at last")

    with site([route("http.request", hand_on)]) as its, working(its.layer, [route("later", later)]):
        assert httpx.get(its.http).text == "at last"


def test_a_client_that_leaves_is_an_event() -> None:
    begun, left = threading.Event(), threading.Event()

    async def endless(message: Message) -> None:
        await respond(message, b"begun", more_content=True)
        begun.set()

    routes = [
        route("http.request", endless),
        route("http.disconnect", lambda message: left.set(), path="^/endless$"),
    ]
    with site(routes) as its:
        with httpx.stream("GET", f"{its.http}/endless") as answer:
            assert next(answer.iter_bytes()) == b"begun"
        assert left.wait(PATIENCE)


# -- WebSocket --------------------------------------------------------------------------------


def echo(message: Message) -> None:
    reply(message, text=message["text"])


def test_a_socket_without_a_connect_consumer_is_accepted() -> None:
    with (
        site([route("websocket.receive", echo, path="^/echo$")]) as its,
        open_socket(f"{its.ws}/echo") as client,
    ):
        client.send("hello")
        assert client.recv(PATIENCE) == "hello"


def test_a_socket_that_nobody_has_a_route_for_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    with site([route("websocket.receive", echo, path="^/echo$")]) as its:
        assert refused_with(f"{its.ws}/elsewhere") == 403
    assert [each.getMessage() for each in caplog.records] == [
        "no route for a WebSocket at /elsewhere"
    ]


def test_a_connect_consumer_decides() -> None:
    def on_connect(message: Message) -> None:
        if message["path"] == "/closed":
            reply(message, close=True)
        elif message["path"] == "/refused":
            reply(message, accept=False)
        elif message["path"] == "/denied":
            reply(message, status=418, headers=[], content=b"teapot")
        else:
            reply(message, accept=True, text="welcome", subprotocol="chat", headers=[[b"x", b"y"]])

    with site([route("websocket.connect", on_connect)]) as its:
        assert refused_with(f"{its.ws}/closed") == 403
        assert refused_with(f"{its.ws}/refused") == 403
        assert refused_with(f"{its.ws}/denied") == 418
        with open_socket(its.ws, subprotocols=["chat"]) as client:  # type: ignore[list-item]
            assert client.recv(PATIENCE) == "welcome"
            assert client.subprotocol == "chat"
            assert client.response is not None
            assert client.response.headers["x"] == "y"


def test_what_is_sent_before_the_acceptance_waits_for_it() -> None:
    def on_connect(message: Message) -> None:
        reply(message, text="first")
        reply(message, bytes=b"second")

    with site([route("websocket.connect", on_connect)]) as its, open_socket(its.ws) as client:
        assert [client.recv(PATIENCE), client.recv(PATIENCE)] == ["first", b"second"]


def test_only_so_many_frames_wait_for_an_acceptance(caplog: pytest.LogCaptureFixture) -> None:
    def on_connect(message: Message) -> None:
        for number in range(101):
            reply(message, text=str(number))

    with site([route("websocket.connect", on_connect)]) as its, open_socket(its.ws) as client:
        assert [client.recv(PATIENCE) for _ in range(100)] == [str(each) for each in range(100)]
    assert caplog.records[0].getMessage() == (
        "websocket /: dropped a frame, 100 wait for its acceptance"
    )


def test_consumers_close_sockets() -> None:
    def on_receive(message: Message) -> None:
        code = int(message["text"])
        reply(message, text="bye", close=True if code == 1 else code, reason="enough")

    with site([route("websocket.receive", on_receive)]) as its:
        for asked, code in [(1, 1000), (4000, 4000)]:
            with open_socket(its.ws) as client:
                client.send(str(asked))
                assert client.recv(PATIENCE) == "bye"
                assert close_code(client) == code
                assert client.close_reason == "enough"


def test_a_consumer_that_raises_closes_its_socket_and_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gone: list[str] = []

    def on_receive(message: Message) -> None:
        if message["text"] == "boom":
            raise ValueError("on purpose")
        echo(message)

    routes = [
        route("websocket.receive", on_receive),
        route("websocket.disconnect", lambda message: gone.append(message["path"])),
    ]
    with site(routes) as its, open_socket(f"{its.ws}/bystander") as bystander:
        with open_socket(f"{its.ws}/boom") as client:
            client.send("boom")
            assert close_code(client) == 1011
        wait_until(lambda: gone == ["/boom"])
        bystander.send("still here")
        assert bystander.recv(PATIENCE) == "still here"
    assert "on_receive raised" in caplog.records[0].getMessage()


def test_a_connect_consumer_that_raises_is_a_500() -> None:
    def on_connect(message: Message) -> None:
        raise ValueError("on purpose")

    with site([route("websocket.connect", on_connect)]) as its:
        assert refused_with(its.ws) == 500


def test_the_disconnect_consumer_hears_the_code() -> None:
    codes: list[Any] = []

    def on_disconnect(message: Message) -> None:
        codes.append((message["code"], message.get("reason"), message["path"]))

    routes = [
        route("websocket.connect", lambda message: reply(message, accept=True)),
        route("websocket.disconnect", on_disconnect),
    ]
    with site(routes) as its:
        with open_socket(f"{its.ws}/a") as client:
            client.close(4001, "tired")
        wait_until(lambda: codes == [(4001, "tired", "/a")])


def test_a_frame_larger_than_a_message_is_a_1009() -> None:
    with site([route("websocket.receive", echo)]) as its, open_socket(its.ws) as client:
        client.send("x" * 1_500_000)
        assert close_code(client) == 1009


def test_frames_without_a_route_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    accept = route("websocket.connect", lambda message: reply(message, accept=True))
    with site([accept]) as its, open_socket(f"{its.ws}/x") as client:
        client.send("anybody?")
        wait_until(lambda: caplog.records)
    expected = "no route for a message in websocket.receive at /x"
    assert caplog.records[0].getMessage() == expected


# -- order ------------------------------------------------------------------------------------


def test_the_events_of_a_socket_are_handled_one_after_another_in_order() -> None:
    """By two workers with several threads, for several sockets at once, at random speeds."""
    seed = random.randrange(1 << 30)
    print("seed", seed)
    chance = random.Random(seed)
    history: dict[str, list[str]] = {}
    busy: set[str] = set()
    clashes: list[str] = []

    def on_event(message: Message) -> None:
        path = message["path"]
        clashes.extend([path] if path in busy else [])
        busy.add(path)
        time.sleep(chance.random() / 200)
        event = str(message.channel).partition(".")[2]
        history.setdefault(path, []).append(message.get("text") or event)
        busy.discard(path)

    routes = [route(f"websocket.{kind}", on_event) for kind in ("connect", "receive", "disconnect")]
    frames = [str(number) for number in range(1, 15)]

    def talk(path: str) -> None:
        with open_socket(its.ws + path) as client:
            for frame in frames:
                client.send(frame)

    with site(routes, worker={"threads": 4}) as its, working(its.layer, routes, threads=4):
        talking = [threading.Thread(target=talk, args=(f"/{number}",)) for number in range(6)]
        for thread in talking:
            thread.start()
        for thread in talking:
            thread.join(PATIENCE)
        whole = ["connect", *frames, "disconnect"]
        wait_until(lambda: all(len(events) == len(whole) for events in history.values()))
        statistics = its.layer.blocking.global_statistics()
    assert not clashes
    assert history == {f"/{number}": whole for number in range(6)}
    assert (statistics["messages_pending"], statistics["channel_full_count"]) == (0, 0)


def test_more_sockets_than_a_channel_holds_messages() -> None:
    """Frames wait for room in the channel: none is refused, none is lost."""
    layer = InMemoryChannelLayer(channel_capacity={"websocket.receive": 3})
    with (
        site([route("websocket.receive", echo)], layer=layer, worker={"threads": 2}) as its,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(open_socket(its.ws)) for _ in range(20)]
        for number in range(5):
            for client in clients:
                client.send(str(number))
        for client in clients:
            assert [client.recv(PATIENCE) for _ in range(5)] == list("01234")


# -- groups -----------------------------------------------------------------------------------


def join(message: Message) -> None:
    reply(message, accept=True)
    assert message.reply_channel is not None
    Group("chat").add(message.reply_channel)


async def say(message: Message) -> None:
    await Group("chat").send({"text": message["text"]})


def leave(message: Message) -> None:
    assert message.reply_channel is not None
    Group("chat").discard(message.reply_channel)


CHAT = [
    route("websocket.connect", join),
    route("websocket.receive", say),
    route("websocket.disconnect", leave),
]


def test_a_chat() -> None:
    with site(CHAT) as its:
        with open_socket(its.ws) as ann, open_socket(its.ws) as bob:
            wait_until(lambda: len(its.layer.blocking.group_channels("chat")) == 2)
            ann.send("hello")
            assert [ann.recv(PATIENCE), bob.recv(PATIENCE)] == ["hello", "hello"]
        wait_until(lambda: its.layer.blocking.group_channels("chat") == [])


def test_a_group_reaches_sockets_without_a_worker() -> None:
    with site(None) as its, contextlib.ExitStack() as stack:
        with working(its.layer, CHAT):
            client = stack.enter_context(open_socket(its.ws))
            wait_until(lambda: its.layer.blocking.group_channels("chat"))
        its.layer.blocking.group_send("chat", {"text": "from nowhere"})
        assert client.recv(PATIENCE) == "from nowhere"


def test_a_socket_of_consumers_outlives_their_worker() -> None:
    with site(None) as its, contextlib.ExitStack() as stack:
        with working(its.layer, CHAT):
            client = stack.enter_context(open_socket(its.ws))
        with working(its.layer, CHAT):
            client.send("still here")
            assert client.recv(PATIENCE) == "still here"


# -- workers that die -------------------------------------------------------------------------


async def take_and_die(layer: InMemoryChannelLayer, channel: str) -> None:
    event = await layer.receive(channel)
    control = await layer.new_channel("fairway.worker")
    await layer.send(event["reply_channel"], {"type": "fairway.taken", "worker": control})


def test_a_worker_that_dies_with_a_frame_closes_the_socket_with_1012() -> None:
    gone: list[Any] = []
    on_disconnect = route("websocket.disconnect", lambda message: gone.append(message["code"]))
    routes = [route("websocket.connect", join), on_disconnect]
    with site(None, server={"lease": 0.15}) as its, contextlib.ExitStack() as stack:
        with working(its.layer, routes):
            client = stack.enter_context(open_socket(its.ws))
        dying = threading.Thread(
            target=asyncio.run, args=(take_and_die(its.layer, "websocket.receive"),)
        )
        dying.start()
        client.send("too much")
        assert close_code(client) == 1012
        dying.join(PATIENCE)
        with working(its.layer, routes):
            wait_until(lambda: gone == [1012])


def test_a_slow_consumer_is_not_dead() -> None:
    with (
        site(
            [route("websocket.receive", lambda message: (time.sleep(2.5), echo(message)))],
            server={"lease": 0.15, "worker_timeout": 2},
        ) as its,
        open_socket(its.ws) as client,
    ):
        client.send("patience")
        assert client.recv(PATIENCE) == "patience"


def test_a_frame_that_no_worker_takes_closes_the_socket_with_1013() -> None:
    with site(None, server={"worker_timeout": 2}) as its, contextlib.ExitStack() as stack:
        with working(its.layer, CHAT):
            client = stack.enter_context(open_socket(its.ws))
        client.send("anybody?")
        assert close_code(client) == 1013
