"""WebSockets of an ASGI application through a layer."""

import asyncio
import contextlib
import logging
import socket
import threading
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from fairway.memory import InMemoryChannelLayer
from fairway.server.protocol import WINDOW
from server.serving import PATIENCE, come_and_go, site, wait_until, without_lifespan, working

MEGABYTE = 1024 * 1024
#: Where messages are counted.
NO_HEARTBEAT = {"lease": 1000.0}


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


def open_socket(url: str, **options: Any) -> ClientConnection:
    return connect(url, open_timeout=PATIENCE, max_size=None, **options)


def close_code(client: ClientConnection) -> int | None:
    """The code with which the server closes the socket."""
    with contextlib.suppress(ConnectionClosed):
        while True:
            client.recv(PATIENCE)
    return client.close_code


def refused_with(url: str) -> tuple[int, bytes]:
    with pytest.raises(InvalidStatus) as refused, open_socket(url):
        pass
    return refused.value.response.status_code, bytes(refused.value.response.body)


@without_lifespan
async def echo(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({**event, "type": "websocket.send"})


# -- no worker, no room -------------------------------------------------------------------


def test_no_worker_within_the_timeout_is_a_503() -> None:
    with site(None, server={"worker_timeout": 0.2}) as its:
        assert refused_with(its.ws) == (503, b"No worker was free in time.")


def test_a_full_channel_is_a_503_at_once() -> None:
    layer = InMemoryChannelLayer(channel_capacity={"websocket.connect": 1})
    asyncio.run(layer.send("websocket.connect", {}))
    with site(None, layer=layer) as its:
        assert refused_with(its.ws) == (503, b"Too many events wait for a worker.")


def test_server_and_worker_may_be_different_nodes() -> None:
    """As they are in different processes: neither can read the other's channels."""
    layer = InMemoryChannelLayer()
    other_node = InMemoryChannelLayer(store=layer.store)
    with site(None, layer=layer) as its, working(other_node, echo), open_socket(its.ws) as client:
        for frame in ["text", b"bytes", "x" * 300_000]:
            client.send(frame)
            assert client.recv(PATIENCE) == frame


# -- a frame costs little ---------------------------------------------------------------------


def test_an_echo_costs_two_messages() -> None:
    with site(echo, server=NO_HEARTBEAT) as its, open_socket(its.ws) as client:
        statistics = its.layer.blocking.global_statistics
        wait_until(lambda: statistics()["messages_count"] == 2)  # connect, accept
        for _ in range(100):
            client.send("x")
            client.recv(PATIENCE)
        assert statistics()["messages_count"] == 202


def test_nothing_stays_behind(caplog: pytest.LogCaptureFixture) -> None:
    ended: list[str] = []

    async def noted(scope: Any, receive: Any, send: Any) -> None:
        try:
            await echo(scope, receive, send)
        finally:
            ended.append(scope["type"])

    with site(noted) as its:
        statistics = its.layer.blocking.global_statistics
        for _ in range(3):
            # It doesn't read its 200 echoes, so it can't read the server's goodbye either.
            with open_socket(its.ws, close_timeout=0.1) as client:
                for number in range(200):
                    client.send(f"{number}" * 1000)
        wait_until(lambda: ended.count("websocket") == 3 and statistics()["messages_pending"] == 0)
        assert statistics()["channel_full_count"] == 0
    # What was on its way to a client that left is dropped, and said to be.
    said = [record.getMessage() for record in caplog.records]
    assert not [line for line in said if "reader_died, lastly for websocket.send" not in line]


# -- applications that fail ---------------------------------------------------------------------


@without_lifespan
async def faulty(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    if scope["path"] == "/early":
        raise ValueError("on purpose")
    if scope["path"] == "/silent":
        return
    await send({"type": "websocket.accept"})
    if scope["path"] == "/late":
        raise ValueError("on purpose")
    if scope["path"] == "/rules":
        await send({"type": "websocket.accept"})


def test_an_application_that_raises_before_the_handshake(caplog: pytest.LogCaptureFixture) -> None:
    with site(faulty) as its:
        assert refused_with(f"{its.ws}/early") == (500, b"Internal Server Error")
        assert refused_with(f"{its.ws}/silent") == (500, b"Internal Server Error")
    assert [record.getMessage() for record in caplog.records] == [
        "the application raised: WebSocket /early",
        "the application returned without answering the handshake: WebSocket /silent",
    ]


def test_an_application_that_raises_after_the_handshake(caplog: pytest.LogCaptureFixture) -> None:
    with site(faulty) as its:
        for path, code in [("/late", 1011), ("/rules", 1011), ("/returns", 1000)]:
            with open_socket(its.ws + path) as client:
                assert close_code(client) == code
    error = caplog.records[-1].exc_info
    assert error is not None
    assert str(error[1]) == "'websocket.accept' while the WebSocket is open"


# -- processes that die -------------------------------------------------------------------------


async def take_and_die(layer: InMemoryChannelLayer, reply: dict[str, Any]) -> None:
    event = await layer.receive("websocket.connect")
    control = await layer.new_channel("fairway.worker")
    message = {**reply, "worker": control, "session": "gone.x!1"}
    await layer.send(event["reply_channel"], message)


def dying_worker(layer: InMemoryChannelLayer, reply: dict[str, Any]) -> threading.Thread:
    thread = threading.Thread(target=asyncio.run, args=(take_and_die(layer, reply),))
    thread.start()
    return thread


def test_a_worker_that_dies_closes_with_1012() -> None:
    with site(None, server={"lease": 0.15}) as its:
        dying = dying_worker(its.layer, {"accept": True})
        with open_socket(its.ws) as client:
            assert close_code(client) == 1012
        dying.join()


def test_a_worker_that_dies_in_a_handshake_is_a_502() -> None:
    with site(None, server={"lease": 0.15}) as its:
        dying = dying_worker(its.layer, {"type": "fairway.taken"})
        assert refused_with(its.ws)[0] == 502
        dying.join()


def test_a_worker_that_stops_closes_with_1012() -> None:
    goodbyes: list[Any] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        goodbyes.append(await receive())

    with site(None) as its, contextlib.ExitStack() as client_open:
        with working(its.layer, app):
            client = client_open.enter_context(open_socket(its.ws))
        assert close_code(client) == 1012
    assert [goodbye["code"] for goodbye in goodbyes] == [1012]


def test_an_application_that_goes_on_while_its_worker_stops_is_not_blamed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stopped = threading.Event()

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.to_thread(stopped.wait)
        await send({"type": "websocket.send", "text": "an answer to what had come before"})

    with site(None) as its, working(its.layer, app) as worker, open_socket(its.ws) as client:
        worker.stop()
        assert close_code(client) == 1012
        stopped.set()
    assert not caplog.records


def test_an_interface_server_that_stops_says_1012_to_application_and_client() -> None:
    goodbyes: list[Any] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        goodbyes.append(await receive())

    layer = InMemoryChannelLayer()
    with working(layer, app), contextlib.ExitStack() as client_open:
        with site(None, layer=layer) as its:
            client = client_open.enter_context(open_socket(its.ws))
        assert close_code(client) == 1012
        wait_until(lambda: goodbyes)
    assert goodbyes[0]["code"] == 1012


def test_an_application_that_only_sends_learns_that_its_client_left() -> None:
    """Though the client sent more frames, before it left, than may be under way unread."""
    outcome: list[str] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "x"})
                await asyncio.sleep(0.001)
        except OSError as error:
            outcome.append(str(error))

    with site(app) as its:
        with open_socket(its.ws, close_timeout=0.1) as client:
            for _ in range(2 * WINDOW):
                client.send("unread")
            for _ in range(100):
                client.recv(PATIENCE)
        wait_until(lambda: outcome == ["the client has gone"])


# -- flow control -------------------------------------------------------------------------------


def test_a_slow_client_slows_its_application_and_nobody_else() -> None:
    sent = [0]
    outcome: list[str] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            await echo(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "bytes": bytes(64 * 1024)})
                sent[0] += 1
        except OSError as error:
            outcome.append(str(error))

    with site(app, uvicorn={"ws_per_message_deflate": False}) as its:
        host, port = its.host.split(":")
        with socket.socket() as stalled:
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
            stalled.connect((host, int(port)))
            handshake = (
                "GET /endless HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n"
                "connection: upgrade\r\nsec-websocket-version: 13\r\n"
                "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            )
            stalled.sendall(handshake.encode())
            wait_until(lambda: sent[0] >= WINDOW)
            statistics = its.layer.blocking.global_statistics
            with open_socket(its.ws) as client:
                for _ in range(500):
                    client.send("x")
                    assert client.recv(PATIENCE) == "x"
            assert statistics()["messages_pending"] <= WINDOW
            assert sent[0] * 64 * 1024 < 8 * MEGABYTE
            assert statistics()["channel_full_count"] == 0
        wait_until(lambda: outcome == ["the client has gone"])


def test_an_application_that_does_not_read_slows_its_client() -> None:
    go = threading.Event()
    received: list[str] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            await echo(scope, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        await asyncio.to_thread(go.wait, PATIENCE)
        while (event := await receive())["type"] == "websocket.receive":
            received.append(event["text"])

    with site(app, server=NO_HEARTBEAT) as its:
        frames = [f"{number:5}" * 1000 for number in range(4 * WINDOW)]
        statistics = its.layer.blocking.global_statistics

        def send_all() -> None:
            with open_socket(f"{its.ws}/lazy") as client:
                for frame in frames:
                    client.send(frame)

        sending = threading.Thread(target=send_all)
        sending.start()
        # Its connect event and frames are one window together; then there is the reply.
        wait_until(lambda: statistics()["messages_count"] == WINDOW + 1)
        with open_socket(its.ws) as client:
            for _ in range(100):
                client.send("x")
                client.recv(PATIENCE)
            assert statistics()["messages_count"] == WINDOW + 1 + 2 + 200
        go.set()
        sending.join(PATIENCE)
        wait_until(lambda: len(received) == len(frames))
    assert received == frames


def test_frames_sent_at_once_by_several_tasks_stay_whole() -> None:
    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        frames = [letter * 300_000 for letter in "abcdefgh"]
        sends = [send({"type": "websocket.send", "text": frame}) for frame in frames]
        await asyncio.gather(*sends)
        await send({"type": "websocket.close", "code": 1000})

    with site(app) as its, open_socket(its.ws) as client:
        frames = list(client)
    assert sorted(frames) == [letter * 300_000 for letter in "abcdefgh"]


def test_a_group_reaches_sockets_between_the_fragments_of_a_frame() -> None:
    names: list[str] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(20):
            await send({"type": "websocket.send", "bytes": bytes(500_000)})
        await send({"type": "websocket.close"})

    layer = InMemoryChannelLayer()

    async def relay_connects() -> None:
        """Note each socket's reply channel on the way to the worker."""
        event = await layer.receive("websocket.connect")
        names.append(event["reply_channel"])
        await layer.group_add("all", event["reply_channel"])
        await layer.send("websocket.connect", event)

    with site(None, layer=layer) as its:
        noting = threading.Thread(target=asyncio.run, args=(relay_connects(),))
        noting.start()
        frames: list[Any] = []

        def read() -> None:
            with open_socket(its.ws) as client:
                frames.extend(client)

        reading = threading.Thread(target=read)
        reading.start()
        noting.join(PATIENCE)
        with working(layer, app):
            while reading.is_alive():
                layer.blocking.group_send("all", {"text": "to all"})
                reading.join(0.001)
    assert [len(frame) for frame in frames if isinstance(frame, bytes)] == [500_000] * 20


def test_a_client_that_leaves_before_a_worker_came() -> None:
    seen: list[str] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            seen.append((await receive())["type"])

    with site(None) as its:
        handshake = {
            "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }  # fmt: skip
        head = "".join(f"{name}: {value}\r\n" for name, value in handshake.items())
        come_and_go(its, "websocket.connect", head)
        with working(its.layer, app):
            wait_until(lambda: seen == ["websocket.connect", "websocket.disconnect"])
