"""Routes first, and an application for the HTTP requests that have none."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from websockets.sync.client import connect

from fairway.memory import InMemoryChannelLayer
from fairway.routing import Channel, Message, route
from server.serving import PATIENCE, site, wait_until, without_lifespan, working


async def tell_all(send: Any, text: bytes) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text})


@without_lifespan
async def application(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        event = await receive()
        body += event["body"]
        more = event["more_body"]
    await tell_all(send, f"application {scope['type']} {scope['path']} {len(body)}".encode())


def consumer(message: Message) -> None:
    message.reply_channel.send({"status": 200, "headers": [], "content": b"consumer"})


def echo(message: Message) -> None:
    message.reply_channel.send({"text": message["text"]})


ROUTES = [
    route("http.request", consumer, path="^/routed$"),
    route("websocket.receive", echo, path="^/chat$"),
]


def test_requests_without_a_route_go_to_the_application() -> None:
    with site(ROUTES, worker={"fallback": application}) as its:
        assert httpx.get(f"{its.http}/routed").text == "consumer"
        assert httpx.get(f"{its.http}/other").text == "application http /other 0"
        upload = httpx.post(f"{its.http}/upload", content=b"x" * 1_000_000, timeout=PATIENCE)
        assert upload.text == "application http /upload 1000000"


def test_without_a_route_for_requests_all_go_to_the_application() -> None:
    with site(ROUTES[1:], worker={"fallback": application}) as its:
        assert httpx.get(f"{its.http}/routed").text == "application http /routed 0"
        with connect(f"{its.ws}/chat", open_timeout=PATIENCE) as client:
            client.send("ahoy")
            assert client.recv(PATIENCE) == "ahoy"


def test_the_lifespan_of_the_application_runs() -> None:
    events: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await tell_all(send, scope["state"]["word"].encode())
            return
        for _ in range(2):
            kind = (await receive())["type"]
            events.append(kind)
            scope["state"]["word"] = "ready"
            await send({"type": f"{kind}.complete"})

    with site(ROUTES, worker={"fallback": app}) as its:
        assert httpx.get(f"{its.http}/other").text == "ready"
    assert events == ["lifespan.startup", "lifespan.shutdown"]


def test_each_sync_consumer_runs_within_what_around_sync_makes() -> None:
    seen: list[tuple[str, int]] = []

    @contextmanager
    def around() -> Iterator[None]:
        seen.append(("before", threading.get_ident()))
        try:
            yield
        finally:
            seen.append(("after", threading.get_ident()))

    def work(message: Message) -> None:
        seen.append(("work", threading.get_ident()))
        if message["fails"]:
            raise ValueError("as asked")

    async def work_async(message: Message) -> None:
        seen.append(("async", threading.get_ident()))

    layer = InMemoryChannelLayer()
    routes = [route("sync", work), route("async", work_async)]
    with working(layer, routes, around_sync=around):
        for fails in (False, True):
            Channel("sync", layer=layer).send({"fails": fails})
            wait_until(lambda: [what for what, _ in seen] == ["before", "work", "after"])
            assert len({thread for _, thread in seen}) == 1
            seen.clear()
        Channel("async", layer=layer).send({})
        wait_until(lambda: [what for what, _ in seen] == ["async"])
