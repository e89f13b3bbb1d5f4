"""Unmodified applications answer through interface server, layer and worker as they do directly.

Each application runs in two processes, straight under uvicorn and through a layer; every
request goes to both, and whatever the client sees has to be the same.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from server.serving import PATIENCE, wait_until

HERE = Path(__file__).parent
MEGABYTE = 1024 * 1024
#: What the two processes can't have in common.
OWN = {"date", "server", "sec-websocket-accept"}


class Pair(NamedTuple):
    """The ports of the same application, served both ways."""

    straight: int
    layered: int


@contextmanager
def process(app: str, way: str) -> Iterator[int]:
    command = [sys.executable, "serve.py", app, way]
    # One seed for both: the order of a set is no difference between them.
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    with subprocess.Popen(
        command, cwd=HERE, env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stdout is not None
            yield int(running.stdout.readline())
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(PATIENCE)


@contextmanager
def pair(app: str) -> Iterator[Pair]:
    with process(app, "straight") as straight, process(app, "layered") as layered:
        yield Pair(straight, layered)


@pytest.fixture(scope="module")
def starlette() -> Iterator[Pair]:
    with pair("apps.for_starlette:application") as ports:
        yield ports


@pytest.fixture(scope="module")
def django() -> Iterator[Pair]:
    with pair("apps.for_django:application") as ports:
        yield ports


def headers_of(headers: Any) -> list[tuple[str, str]]:
    pairs = headers.multi_items() if hasattr(headers, "multi_items") else headers.raw_items()
    return [(name.lower(), value) for name, value in pairs if name.lower() not in OWN]


def request(port: int, method: str, path: str, **options: Any) -> dict[str, Any]:
    """All that a client sees of a response."""
    headers = {"host": "site.test", **options.pop("headers", {})}
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=PATIENCE) as client:
        try:
            response = client.request(method, path, headers=headers, **options)
        except httpx.RemoteProtocolError as error:
            return {"cut": str(error)}
    facts = {"status": response.status_code, "headers": headers_of(response.headers)}
    return {**facts, "body": response.content}


def same(ports: Pair, method: str, path: str, **options: Any) -> dict[str, Any]:
    straight = request(ports.straight, method, path, **options)
    layered = request(ports.layered, method, path, **options)
    assert layered == straight
    return layered


# -- Starlette over HTTP ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/scope",
        "/scope?a=1&a=2&b=%C3%BC",
        "/odd%20path/%C3%BC?x",
        "/stream",
        "/large",
        "/slow",
        "/empty",
        "/unchanged",
        "/teapot",
        "/raises",
        "/moved",
        "/nowhere",
        "/stamped/stream",
        "/background",
    ],
)
def test_starlette_get(starlette: Pair, path: str) -> None:
    same(starlette, "GET", path)


def test_starlette_sees_the_same_scope(starlette: Pair) -> None:
    headers = {"x-mixed-Case": b"\xe9", "accept": "a", "Accept-Language": "de"}
    seen = httpx.Response(200, content=same(starlette, "GET", "/scope", headers=headers)["body"])
    assert seen.json()["state"] == {"made_at_startup": "yes"}
    assert seen.json()["client"][:2] == ["tuple", "127.0.0.1"]


@pytest.mark.parametrize("path", ["/scope", "/large", "/empty", "/stream", "/teapot"])
def test_starlette_head(starlette: Pair, path: str) -> None:
    assert same(starlette, "HEAD", path)["body"] == b""


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_starlette_methods(starlette: Pair, method: str) -> None:
    same(starlette, method, "/echo", content=b"some body")


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, 3 * MEGABYTE + 1])
def test_starlette_body(starlette: Pair, size: int) -> None:
    body = random.Random(size).randbytes(size)
    assert same(starlette, "POST", "/echo", content=body)["body"] == body


def test_starlette_chunked_body(starlette: Pair) -> None:
    def chunks() -> Iterator[bytes]:
        for number in range(300):
            yield b"%d," % number * 100

    for port in starlette:
        answer = request(port, "POST", "/echo", content=chunks())
        assert answer["body"] == b"".join(chunks())


def test_starlette_upload_of_50_mb(starlette: Pair) -> None:
    body = random.Random(50).randbytes(50 * MEGABYTE)
    answer = same(starlette, "POST", "/upload", content=body)
    assert hashlib.sha256(body).hexdigest().encode() in answer["body"]


def test_starlette_multipart(starlette: Pair) -> None:
    files = {"file": ("ü.bin", os.urandom(MEGABYTE))}
    boundary = {"content-type": "multipart/form-data; boundary=xyz"}
    same(starlette, "POST", "/form", files=files, data={"a": "1"}, headers=boundary)


def test_starlette_cookies_and_repeated_headers(starlette: Pair) -> None:
    answer = same(starlette, "GET", "/cookies", headers={"cookie": "x=1; y=2"})
    names = [name for name, _ in answer["headers"]]
    assert (names.count("set-cookie"), names.count("x-twice")) == (2, 2)


def test_starlette_behind_middleware(starlette: Pair) -> None:
    same(starlette, "POST", "/stamped/echo", content=b"x" * 1000)


def test_starlette_background_task(starlette: Pair) -> None:
    for port in starlette:
        request(port, "GET", "/background")
        wait_until(lambda port=port: b"done" in request(port, "GET", "/noted/background")["body"])


def test_starlette_raises_in_a_response(starlette: Pair) -> None:
    assert "cut" in same(starlette, "GET", "/raises-midway")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_starlette_notices_a_client_that_leaves(starlette: Pair, method: str) -> None:
    for port in starlette:
        with (
            pytest.raises(httpx.ReadTimeout),
            httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=1) as client,
        ):
            client.request(method, "/waits")
        wait_until(lambda port=port: b"noticed" in request(port, "GET", "/noted/left")["body"])


def test_starlette_answers_before_it_has_read(starlette: Pair) -> None:
    for port in starlette:
        answer = request(port, "POST", "/unread", content=b"x" * 1000)
        assert (answer["status"], answer["body"]) == (413, b"not interested")


# -- Starlette over WebSocket ----------------------------------------------------------------


def websocket(port: int, path: str, **options: Any) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{port}{path}", open_timeout=PATIENCE, max_size=None, **options)


def refusal(port: int, path: str) -> dict[str, Any]:
    with pytest.raises(InvalidStatus) as refused, websocket(port, path):
        pass
    response = refused.value.response
    facts = {"status": response.status_code, "headers": headers_of(response.headers)}
    return {**facts, "body": response.body}


@pytest.mark.parametrize("path", ["/ws/rejects", "/ws/denies", "/ws/nowhere"])
def test_starlette_refuses_a_websocket(starlette: Pair, path: str) -> None:
    assert refusal(starlette.layered, path) == refusal(starlette.straight, path)


def test_starlette_raises_in_a_handshake(starlette: Pair) -> None:
    for port in starlette:
        answer = refusal(port, "/ws/raises")
        assert (answer["status"], answer["body"]) == (500, b"Internal Server Error")


def test_starlette_handshake(starlette: Pair) -> None:
    answers = []
    for port in starlette:
        with websocket(port, "/ws/echo?a=1", subprotocols=["one", "two"]) as socket:
            assert socket.response is not None
            answers.append((socket.subprotocol, headers_of(socket.response.headers)))
    assert answers[0] == answers[1]
    assert answers[0][0] == "two"


def test_starlette_websocket_scope(starlette: Pair) -> None:
    seen = []
    for port in starlette:
        host = {"x-extra": "é"}
        with websocket(port, "/ws/scope?a=%20b", additional_headers=host) as socket:
            seen.append(socket.recv())
    assert _comparable(seen[0]) == _comparable(seen[1])


def _comparable(text: str | bytes) -> dict[str, Any]:
    """A scope without the headers that differ from one connection to the next."""
    scope: dict[str, Any] = json.loads(text)
    pairs = [pair[1:] for pair in scope["headers"][1:]]
    scope["headers"] = [pair for pair in pairs if pair[0] not in ("host", "sec-websocket-key")]
    return scope


FRAMES = ["text", "ü€😀", "", b"bytes", b"", "x" * 65536, "ü" * 65537, b"z" * (3 * MEGABYTE + 5)]


def test_starlette_echoes_frames(starlette: Pair) -> None:
    for port in starlette:
        with websocket(port, "/ws/echo") as socket:
            for frame in FRAMES:
                socket.send(frame)
                assert socket.recv(PATIENCE) == frame


def test_starlette_echoes_many_frames_in_order(starlette: Pair) -> None:
    for port in starlette:
        with websocket(port, "/ws/echo") as socket:
            for number in range(500):
                socket.send(str(number))
            assert [socket.recv(PATIENCE) for _ in range(500)] == list(map(str, range(500)))


def test_starlette_closes(starlette: Pair) -> None:
    for port in starlette:
        with websocket(port, "/ws/closes") as socket:
            assert socket.recv() == "bye"
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(PATIENCE)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (4321, "because")


@pytest.mark.parametrize(("code", "reason"), [(1000, ""), (4001, "enough"), (1001, "")])
def test_starlette_hears_how_a_client_closed(starlette: Pair, code: int, reason: str) -> None:
    for port in starlette:
        with websocket(port, "/ws/echo") as socket:
            socket.close(code, reason)
        expected = httpx.Response(200, json={"note": [code, reason]}).content
        wait_until(
            lambda port=port, expected=expected: (
                request(port, "GET", "/noted/ws")["body"] == expected
            ),
            f"close code {code} at the application",
        )


# -- Django ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/hello",
        "/hello?name=%C3%BC",
        "/hello-async",
        "/slow",
        "/stream",
        "/stream-sync",
        "/download",
        "/raises",
        "/empty",
        "/moved",
        "/nowhere",
        "/conditional",
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_django_get(django: Pair, method: str, path: str) -> None:
    same(django, method, path)


def test_django_conditional_get(django: Pair) -> None:
    answer = same(django, "GET", "/conditional", headers={"if-none-match": '"v1"'})
    assert answer["status"] == 304


def test_django_cookies(django: Pair) -> None:
    answer = same(django, "GET", "/cookies", headers={"cookie": "x=1; y=2"})
    assert [name for name, _ in answer["headers"]].count("set-cookie") == 2


@pytest.mark.parametrize("size", [0, 10, 65537, MEGABYTE])
def test_django_body(django: Pair, size: int) -> None:
    body = random.Random(size).randbytes(size)
    assert same(django, "POST", "/echo", content=body)["body"] == body


def test_django_upload_of_50_mb(django: Pair) -> None:
    content = random.Random(50).randbytes(50 * MEGABYTE)
    boundary = {"content-type": "multipart/form-data; boundary=xyz"}
    files = {"file": ("ü.bin", content)}
    answer = same(django, "POST", "/upload", files=files, data={"a": "1"}, headers=boundary)
    assert hashlib.sha256(content).hexdigest().encode() in answer["body"]
