"""HTTP through a layer: what can go wrong, who hears of it, and that nothing piles up."""

import asyncio
import logging
import socket
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from fairway.errors import StoreUnavailable
from fairway.memory import InMemoryChannelLayer
from fairway.server import InterfaceServer
from fairway.server.protocol import WINDOW
from server.serving import PATIENCE, come_and_go, site, wait_until, without_lifespan, working

MEGABYTE = 1024 * 1024


@without_lifespan
async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


def get(url: str, **options: Any) -> httpx.Response:
    return httpx.get(url, timeout=PATIENCE, **options)


# -- no worker, no room -----------------------------------------------------------------------


def test_no_worker_within_the_timeout_is_a_503() -> None:
    with site(None, server={"worker_timeout": 0.2}) as its:
        answer = get(its.http)
    assert (answer.status_code, answer.text) == (503, "No worker was free in time.")


def test_a_full_channel_is_a_503_at_once() -> None:
    layer = InMemoryChannelLayer(channel_capacity={"http.request": 1})
    asyncio.run(layer.send("http.request", {}))
    with site(None, layer=layer) as its:
        answer = get(its.http)
    assert (answer.status_code, answer.text) == (503, "Too many events wait for a worker.")


def test_a_request_larger_than_a_message_is_a_413() -> None:
    layer = InMemoryChannelLayer(max_message_size=2000)
    with site(hello, layer=layer) as its:
        assert get(its.http, headers={"x-large": "x" * 3000}).status_code == 413
        assert get(its.http).status_code == 200


class StorelessLayer(InMemoryChannelLayer):
    """A layer whose store takes nothing."""

    async def send(self, channel: str, message: Any) -> None:
        raise StoreUnavailable("the store is gone")


def test_a_store_that_is_gone_is_a_503(caplog: pytest.LogCaptureFixture) -> None:
    with site(None, layer=StorelessLayer()) as its:
        answer = get(its.http)
    assert (answer.status_code, answer.text) == (503, "The channel layer's store is unavailable.")
    assert [each.getMessage() for each in caplog.records] == ["http /: the store is gone"]


def test_requests_beyond_the_concurrency_wait_in_the_layer() -> None:
    free = threading.Event()

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.to_thread(free.wait, PATIENCE)
        await hello(scope, receive, send)

    answers: list[int] = []
    with site(app, worker={"concurrency": 2}) as its:

        def ask() -> None:
            answers.append(get(its.http).status_code)

        askers = [threading.Thread(target=ask) for _ in range(5)]
        for asker in askers:
            asker.start()
        statistics = its.layer.blocking.channel_statistics
        wait_until(lambda: statistics("http.request")["messages_count"] == 5)
        wait_until(lambda: statistics("http.request")["messages_pending"] == 3)
        free.set()
        for asker in askers:
            asker.join(PATIENCE)
    assert answers == [200] * 5


# -- a request costs little -------------------------------------------------------------------


def test_a_plain_request_costs_two_messages() -> None:
    with site(hello) as its, httpx.Client() as client:
        for _ in range(10):
            assert client.get(its.http).text == "hello"
        assert its.layer.blocking.global_statistics()["messages_count"] == 20


def test_nothing_stays_behind(caplog: pytest.LogCaptureFixture) -> None:
    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        size = 0
        while (event := await receive())["more_body"]:
            size += len(event["body"])
        await send({"type": "http.response.start", "status": 200})
        for _ in range(40):
            await send({"type": "http.response.body", "body": bytes(50_000), "more_body": True})
        await send({"type": "http.response.body"})

    with site(app) as its:
        for _ in range(3):
            answer = httpx.post(its.http, content=bytes(3 * MEGABYTE), timeout=PATIENCE)
            assert len(answer.content) == 2_000_000
        statistics = its.layer.blocking.global_statistics
        wait_until(lambda: statistics()["messages_pending"] == 0)
        assert statistics()["channel_full_count"] == 0
    assert not caplog.records


# -- applications that fail -------------------------------------------------------------------


@without_lifespan
async def raises(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/ok":
        return await hello(scope, receive, send)
    raise ValueError("on purpose")


def test_an_application_that_raises_is_a_500_and_the_worker_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with site(raises) as its:
        answer = get(f"{its.http}/x")
        assert get(f"{its.http}/ok").status_code == 200
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    record = next(each for each in caplog.records if each.name == "fairway.worker")
    assert record.getMessage() == "the application raised: GET /x"
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "on purpose"


def test_an_application_that_returns_without_a_response_is_a_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"some", "more_body": True})

    with site(app) as its:
        assert get(its.http).status_code == 500
        with pytest.raises(httpx.RemoteProtocolError):
            get(f"{its.http}/begun")
    messages = [record.getMessage() for record in caplog.records]
    assert "the application returned without starting a response: GET /" in messages
    assert "the application returned without completing a response: GET /begun" in messages


@pytest.mark.parametrize(
    ("messages", "complaint"),
    [
        (["http.response.body"], "'http.response.body' where 'http.response.start' belongs"),
        (["http.response.start"] * 2, "'http.response.start' where 'http.response.body' belongs"),
        (
            ["http.response.start", "http.response.body", "http.response.body"],
            "'http.response.body' after the response was complete",
        ),
    ],
)
def test_an_application_that_breaks_the_rules_is_told(
    caplog: pytest.LogCaptureFixture, messages: list[str], complaint: str
) -> None:
    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for kind in messages:
            await send({"type": kind, "status": 200})

    with site(app) as its:
        get(its.http)
        wait_until(lambda: caplog.records)
    error = caplog.records[0].exc_info
    assert error is not None
    assert str(error[1]) == complaint


# -- processes that die -----------------------------------------------------------------------


async def take_and_die(layer: InMemoryChannelLayer, **reply: Any) -> None:
    """What a worker does that dies with a request in its hands."""
    event = await layer.receive("http.request")
    control = await layer.new_channel("fairway.worker")
    await layer.send(event["reply_channel"], {**reply, "worker": control})


@pytest.mark.parametrize("hosts_application", [True, False])
def test_a_worker_that_dies_is_a_502(hosts_application: bool) -> None:
    session = {"session": "gone.x!1"} if hosts_application else {}
    with site(None, server={"lease": 0.15}) as its:
        dying = threading.Thread(
            target=asyncio.run,
            args=(take_and_die(its.layer, type="fairway.taken", **session),),
        )
        dying.start()
        answer = get(its.http)
        dying.join()
    assert answer.status_code == 502
    assert answer.text == "The worker that handled this connection stopped."


def test_a_worker_that_dies_within_a_response_cuts_it() -> None:
    reply = {"status": 200, "headers": [], "content": b"some", "more_content": True}
    with site(None, server={"lease": 0.15}) as its:
        dying = threading.Thread(
            target=asyncio.run, args=(take_and_die(its.layer, session="gone.x!1", **reply),)
        )
        dying.start()
        with pytest.raises(httpx.RemoteProtocolError):
            get(its.http)
        dying.join()


def test_a_blocked_application_is_not_dead() -> None:
    """A lease can lapse many times over while an application blocks its worker's loop."""
    free, blocked = threading.Event(), threading.Event()

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        blocked.set()
        free.wait(PATIENCE)
        await send({"type": "http.response.body"})

    with (
        site(app, server={"lease": 0.6}, worker={"lease": 0.6}) as its,
        httpx.stream("GET", its.http, timeout=PATIENCE) as answer,
    ):
        assert blocked.wait(PATIENCE)
        before = _messages(its.layer)
        wait_until(lambda: _messages(its.layer) >= before + 20)  # ten pings and pongs
        free.set()
        assert answer.read() == b"begun"


def _messages(layer: InMemoryChannelLayer) -> int:
    return layer.blocking.global_statistics()["messages_count"]


def test_an_interface_server_that_dies_ends_its_sessions() -> None:
    seen: list[str] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            seen.append((await receive())["type"])

    layer = InMemoryChannelLayer()
    event = {
        "reply_channel": "http.response.gone!1",
        "interface": "fairway.interface.gone!2",
        "order": 0,
        "method": "GET",
        "path": "/",
        "headers": [],
        "client": None,
        "server": None,
        "spec_version": "2.3",
        "body": b"",
        "more_content": False,
        "type": "http.request",
    }
    with working(layer, app, lease=0.15):
        layer.blocking.send("http.request", event)
        wait_until(lambda: seen == ["http.request", "http.disconnect"])


# -- clients that leave -----------------------------------------------------------------------


def test_a_client_that_left_before_a_worker_came() -> None:
    seen: list[str] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for _ in range(2):
            seen.append((await receive())["type"])

    with site(None) as its:
        come_and_go(its, "http.request")
        with working(its.layer, app):
            wait_until(lambda: seen == ["http.request", "http.disconnect"])


def test_a_client_that_leaves_a_stream_ends_it() -> None:
    events: list[Any] = []

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        events.append((await receive())["type"])
        # The specification version of uvicorn's HTTP scope has `send` do nothing now.
        await send({"type": "http.response.body", "body": b"more", "more_body": True})
        events.append("sent")

    with site(app) as its:
        with httpx.stream("GET", its.http) as answer:
            assert next(answer.iter_bytes()) == b"begun"
        wait_until(lambda: events == ["http.disconnect", "sent"])


# -- streaming --------------------------------------------------------------------------------


def test_the_head_of_a_response_does_not_wait_for_its_body() -> None:
    client_has_head = threading.Event()

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x", b"y")]})
        await asyncio.to_thread(client_has_head.wait, PATIENCE)
        await send({"type": "http.response.body", "body": b"body"})

    with site(app) as its, httpx.stream("GET", its.http, timeout=PATIENCE) as answer:
        assert (answer.status_code, answer.headers["x"]) == (201, "y")
        client_has_head.set()
        assert answer.read() == b"body"


def test_a_conversation_in_one_request() -> None:
    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            event = await receive()
            more = event["more_body"]
            await send({"type": "http.response.body", "body": event["body"], "more_body": more})

    with site(app) as its:
        host, port = its.host.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            connection.sendall(
                b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n"
            )
            _read_until(connection, b"first")
            connection.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
            _read_until(connection, b"second")


def _read_until(connection: socket.socket, wanted: bytes) -> bytes:
    read = b""
    while wanted not in read:
        received = connection.recv(65536)
        assert received, read
        read += received
    return read


@pytest.mark.parametrize("reads", [True, False])
def test_only_an_application_that_reads_invites_the_body(reads: bool) -> None:
    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"] if reads else b""
        while reads and not body:
            body = (await receive())["body"]
        await hello(scope, receive, send)

    with site(app) as its:
        host, port = its.host.split(":")
        with socket.create_connection((host, int(port)), PATIENCE) as connection:
            head = (
                b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\nexpect: 100-continue\r\n\r\n"
            )
            connection.sendall(head)
            first = _read_until(connection, b"\r\n\r\n")
            if b" 100 " in first:
                connection.sendall(b"body")
                _read_until(connection, b"hello")
    assert (b" 100 " in first) is reads


@pytest.fixture
def stalled() -> Iterator[socket.socket]:
    """A client's socket with a small buffer, so that little is under way in the kernel."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16 * 1024)
        client.settimeout(PATIENCE)
        yield client


def test_a_slow_client_slows_its_application_and_nobody_else(stalled: socket.socket) -> None:
    chunk = 64 * 1024
    sent = [0]
    ended = threading.Event()

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            await hello(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while sent[0] < 4000:
            await send({"type": "http.response.body", "body": bytes(chunk), "more_body": True})
            sent[0] += 1
        await send({"type": "http.response.body"})
        ended.set()

    with site(app) as its:
        host, port = its.host.split(":")
        stalled.connect((host, int(port)))
        stalled.sendall(b"GET /endless HTTP/1.0\r\n\r\n")
        wait_until(lambda: sent[0] >= WINDOW)
        reply_channels = its.layer.blocking.global_statistics
        for _ in range(200):
            assert get(its.http).text == "hello"
        at_rest = sent[0]
        assert reply_channels()["messages_pending"] <= WINDOW
        # Its window, what uvicorn buffers, and what the kernel's socket buffers take.
        assert at_rest * chunk < 8 * MEGABYTE
        assert not ended.is_set()
        received = 0
        while data := stalled.recv(1 << 20):
            received += len(data)
        assert ended.wait(PATIENCE)
        assert received > 4000 * chunk
        assert reply_channels()["channel_full_count"] == 0


def test_an_application_that_does_not_read_slows_its_client() -> None:
    read = threading.Event()
    size = [0]

    @without_lifespan
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/":
            await hello(scope, receive, send)
            return
        await receive()
        await asyncio.to_thread(read.wait, PATIENCE)
        more = True
        while more:
            event = await receive()
            size[0] += len(event["body"])
            more = event["more_body"]
        await hello(scope, receive, send)

    with site(app) as its:
        total = 40 * MEGABYTE
        uploaded = [0]

        def body() -> Iterator[bytes]:
            for _ in range(total // 65536):
                uploaded[0] += 65536
                yield bytes(65536)

        def upload() -> None:
            httpx.post(f"{its.http}/upload", content=body(), timeout=PATIENCE)

        uploading = threading.Thread(target=upload)
        uploading.start()
        statistics = its.layer.blocking.global_statistics
        wait_until(lambda: uploaded[0] > MEGABYTE)
        for _ in range(100):
            assert get(its.http).text == "hello"
        assert statistics()["messages_pending"] <= WINDOW
        assert uploaded[0] < 20 * MEGABYTE
        read.set()
        uploading.join(PATIENCE)
    assert size[0] >= total - 65536


# -- the ASGI application that an interface server is -----------------------------------------


async def test_other_kinds_of_connections_are_refused() -> None:
    server = InterfaceServer(InMemoryChannelLayer())
    with pytest.raises(ValueError, match="takes http and websocket connections, not 'mqtt'"):
        await server({"type": "mqtt"}, hello, hello)  # type: ignore[arg-type]


async def test_its_own_lifespan() -> None:
    server = InterfaceServer(InMemoryChannelLayer())
    events = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    answers: list[str] = []

    async def receive() -> Any:
        return events.pop(0)

    async def send(event: Any) -> None:
        answers.append(event["type"])

    await server({"type": "lifespan"}, receive, send)
    assert answers == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


@pytest.mark.parametrize("option", ["worker_timeout", "response_timeout", "lease"])
def test_times_are_checked(option: str) -> None:
    with pytest.raises(ValueError, match=f"{option} is 0; it is a number of seconds above 0"):
        InterfaceServer(InMemoryChannelLayer(), **{option: 0})


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
