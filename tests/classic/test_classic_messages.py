"""The 2016 HTTP and WebSocket message formats, key by key.

No worker of ours is here: what the interface server sends is read from the layer, and
answered through it, as a worker of that time did.
"""

import http.client
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from fairway.memory import InMemoryChannelLayer
from server.serving import PATIENCE, Site, site, wait_until

#: What each key of the specification holds; those of ours beside them are in docs/messages.md.
REQUEST: dict[str, Callable[[Any], bool]] = {
    "reply_channel": lambda value: value.startswith("http.response.") and "!" in value,
    "http_version": lambda value: value == "1.1",
    "method": lambda value: value == "POST",
    "scheme": lambda value: value == "http",
    "path": lambda value: value == "/hafen/ä",
    "query_string": lambda value: value == b"q=%C3%A4&x",
    "root_path": lambda value: value == "",
    "headers": lambda value: (
        [v for n, v in value if n == b"x-many"] == [b"1", b"2"]
        and all(isinstance(n, bytes) and n == n.lower() for n, _ in value)
    ),
    "body": lambda value: value == b"cargo",
    "client": lambda value: value[0] == "127.0.0.1" and isinstance(value[1], int),
    "server": lambda value: value[0] == "127.0.0.1" and isinstance(value[1], int),
}
CONNECT: dict[str, Callable[[Any], bool]] = {
    "reply_channel": lambda value: value.startswith("websocket.send.") and "!" in value,
    "scheme": lambda value: value == "ws",
    "path": lambda value: value == "/hafen/ä",
    "query_string": lambda value: value == b"q=%C3%A4",
    "root_path": lambda value: value == "",
    "headers": lambda value: [b"x-many", b"1"] in [list(pair) for pair in value],
    "client": lambda value: value[0] == "127.0.0.1" and isinstance(value[1], int),
    "server": lambda value: value[0] == "127.0.0.1" and isinstance(value[1], int),
    "order": lambda value: value == 0,
}


@pytest.fixture
def its() -> Iterator[Site]:
    with site(None) as its:
        yield its


@pytest.fixture
def in_background() -> Iterator[Callable[..., Future[Any]]]:
    with ThreadPoolExecutor() as threads:
        yield threads.submit


def taken(its: Site, channel: str) -> dict[str, Any]:
    message = its.layer.blocking.receive(channel, PATIENCE)
    assert message is not None, f"nothing came on {channel}"
    return message


# -- HTTP -------------------------------------------------------------------------------------


def post(its: Site) -> httpx.Response:
    return httpx.post(
        f"{its.http}/hafen/%C3%A4?q=%C3%A4&x", content=b"cargo",
        headers=[("X-Many", "1"), ("X-Many", "2")], timeout=PATIENCE,
    )  # fmt: skip


def test_request_and_response(its: Site, in_background: Callable[..., Future[Any]]) -> None:
    response = in_background(post, its)
    request = taken(its, "http.request")
    assert [key for key, holds in REQUEST.items() if not holds(request[key])] == []
    assert "body_channel" not in request
    headers = [[b"set-cookie", b"a=1"], [b"set-cookie", b"b=2"], [b"x-last", b"3"]]
    its.layer.blocking.send(
        request["reply_channel"], {"status": 418, "headers": headers, "content": b"tea"}
    )
    got = response.result(PATIENCE)
    assert (got.status_code, got.content) == (418, b"tea")
    ours = [pair for pair in got.headers.raw if pair[0] in (b"set-cookie", b"x-last")]
    assert ours == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"), (b"x-last", b"3")]


def test_response_in_chunks(its: Site, in_background: Callable[..., Future[Any]]) -> None:
    response = in_background(post, its)
    reply = taken(its, "http.request")["reply_channel"]
    layer = its.layer.blocking
    layer.send(reply, {"request": {"path": "/style.css"}})  # a push, which HTTP/1.1 can't have
    layer.send(reply, {"status": 200, "headers": [], "content": b"a", "more_content": True})
    layer.send(reply, {"content": b"b", "more_content": True})
    layer.send(reply, {"content": b"c"})
    layer.send(reply, {"content": b"ignored: the response is complete"})
    assert response.result(PATIENCE).content == b"abc"


def test_content_and_headers_are_optional(
    its: Site, in_background: Callable[..., Future[Any]]
) -> None:
    response = in_background(post, its)
    its.layer.blocking.send(taken(its, "http.request")["reply_channel"], {"status": 204})
    assert response.result(PATIENCE).status_code == 204


def test_disconnect(its: Site) -> None:
    client = http.client.HTTPConnection(its.host, timeout=PATIENCE)
    client.request("GET", "/long/poll")
    request = taken(its, "http.request")
    finished(its, request)  # it is not answered now, but its consumer has run
    client.close()
    gone = taken(its, "http.disconnect")
    assert gone["reply_channel"] == request["reply_channel"]
    assert gone["path"] == "/long/poll"


def test_a_full_http_request_channel_is_a_503() -> None:
    layer = InMemoryChannelLayer(channel_capacity={"http.request": 1})
    layer.blocking.send("http.request", {})
    with site(None, layer=layer) as its:
        assert post(its).status_code == 503


# -- WebSocket --------------------------------------------------------------------------------


def opened(its: Site) -> ClientConnection:
    return connect(
        f"{its.ws}/hafen/%C3%A4?q=%C3%A4", additional_headers={"X-Many": "1"},
        open_timeout=PATIENCE,
    )  # fmt: skip


@pytest.fixture
def socket(
    its: Site, in_background: Callable[..., Future[Any]]
) -> Iterator[tuple[ClientConnection, str]]:
    """A socket that was accepted, and its reply channel. The worker is a thread."""
    opening = in_background(opened, its)
    connected = taken(its, "websocket.connect")
    assert [key for key, holds in CONNECT.items() if not holds(connected[key])] == []
    its.layer.blocking.send(connected["reply_channel"], {"accept": True})
    finished(its, connected)
    with opening.result(PATIENCE) as client:
        yield client, connected["reply_channel"]


def finished(its: Site, event: dict[str, Any]) -> None:
    """Ours beside the specification: events of a socket are handled one after another."""
    its.layer.blocking.send(event["reply_channel"], {"type": "fairway.done", "ack": event["order"]})


def test_receive(its: Site, socket: tuple[ClientConnection, str]) -> None:
    client, reply = socket
    for order, frame in enumerate(["text", b"bytes"], start=1):
        client.send(frame)
        event = taken(its, "websocket.receive")
        key, other = ("text", "bytes") if isinstance(frame, str) else ("bytes", "text")
        assert event[key] == frame
        assert event.get(other) is None
        assert (event["reply_channel"], event["path"]) == (reply, "/hafen/ä")
        assert event["order"] == order
        finished(its, event)


def test_disconnection(its: Site, socket: tuple[ClientConnection, str]) -> None:
    client, reply = socket
    client.close(4321)
    event = taken(its, "websocket.disconnect")
    assert (event["reply_channel"], event["path"]) == (reply, "/hafen/ä")
    assert (event["code"], event["order"]) == (4321, 1)


def test_send(its: Site, socket: tuple[ClientConnection, str]) -> None:
    client, reply = socket
    layer = its.layer.blocking
    layer.send(reply, {"text": "one"})
    layer.send(reply, {"bytes": b"two", "text": None})
    layer.send(reply, {"accept": True})  # ignored by now
    layer.send(reply, {"text": "both", "bytes": b"both"})  # ignored
    layer.send(reply, {"text": "three"})
    assert [client.recv(PATIENCE) for _ in range(3)] == ["one", b"two", "three"]


@pytest.mark.parametrize(("close", "code"), [(True, 1000), (4000, 4000)])
def test_close(
    its: Site, socket: tuple[ClientConnection, str], close: bool | int, code: int
) -> None:
    client, reply = socket
    its.layer.blocking.send(reply, {"text": "last words", "close": close})
    assert client.recv(PATIENCE) == "last words"
    with pytest.raises(ConnectionClosed):
        client.recv(PATIENCE)
    assert client.close_code == code


@pytest.mark.parametrize("answer", [{"accept": False}, {"close": True}, {"close": 4000}], ids=str)
def test_rejection(
    its: Site, in_background: Callable[..., Future[Any]], answer: dict[str, Any]
) -> None:
    opening = in_background(opened, its)
    its.layer.blocking.send(taken(its, "websocket.connect")["reply_channel"], answer)
    with pytest.raises(InvalidStatus, match="403"):
        opening.result(PATIENCE)


def test_a_frame_and_close_in_one_answer_accept_first(
    its: Site, in_background: Callable[..., Future[Any]]
) -> None:
    opening = in_background(opened, its)
    reply = taken(its, "websocket.connect")["reply_channel"]
    its.layer.blocking.send(reply, {"text": "we are closed", "close": 4001})
    with opening.result(PATIENCE) as client:
        assert client.recv(PATIENCE) == "we are closed"
        with pytest.raises(ConnectionClosed):
            client.recv(PATIENCE)
        assert client.close_code == 4001


def test_a_full_websocket_connect_channel_is_a_503() -> None:
    layer = InMemoryChannelLayer(channel_capacity={"websocket.connect": 1})
    layer.blocking.send("websocket.connect", {})
    with site(None, layer=layer) as its, pytest.raises(InvalidStatus, match="503"):
        opened(its)


def test_replies_may_come_by_a_group(its: Site, socket: tuple[ClientConnection, str]) -> None:
    client, reply = socket
    layer = its.layer.blocking
    layer.group_add("all", reply)
    layer.send_group("all", {"text": "to all"})
    assert client.recv(PATIENCE) == "to all"
    client.close()
    wait_until(lambda: layer.group_channels("all") == [], "a closed socket's leaving its group")
