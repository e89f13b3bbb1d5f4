"""A worker's life: start, listening, trouble, stop."""

import asyncio
import logging
import threading
from typing import Any

import httpx
import pytest

from fairway.errors import ConfigurationError, StoreUnavailable
from fairway.memory import InMemoryChannelLayer
from fairway.routing import Channel, route
from fairway.worker import StartupFailed, Worker
from server.serving import PATIENCE, site, wait_until, without_lifespan, working


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)


@without_lifespan
async def hello(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


# -- options ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"threads": 0}, "threads is 0; a worker needs 1 or more"),
        ({"concurrency": -1}, "concurrency is -1; a worker needs 1 or more"),
        ({"lease": 0}, "lease is 0; it is a number of seconds above 0"),
        ({"graceful_timeout": "x"}, "graceful_timeout is 'x'; it is a number of seconds"),
        ({"channels": ["http.requst"]}, "has a use for http.request, websocket.connect"),
        ({"channels": []}, r"leaves none; this target has a use for http.request"),
        ({"channels": ["job.*"]}, r"channels has 'job\.\*'; this target has a use for"),
        ({"exclude": ["job"]}, "exclude has 'job'; this target has a use for"),
        ({"exclude": ["*"]}, r"exclude \['\*'\], which leaves none"),
        ({"fallback": print}, "this target is an application, which gets them all"),
    ],
)
def test_options_are_checked(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        Worker(InMemoryChannelLayer(), hello, **options)


def test_channels_to_read() -> None:
    layer = InMemoryChannelLayer()
    assert Worker(layer, hello).channels == ["http.request", "websocket.connect"]
    assert Worker(layer, hello, channels=["http.request"]).channels == ["http.request"]
    assert Worker(layer, hello, channels=["http.*"]).channels == ["http.request"]
    assert Worker(layer, hello, exclude=["web*"]).channels == ["http.request"]
    assert Worker(layer, [route("x", print)]).channels == ["x"]
    sockets = Worker(layer, [route("x", print), route("websocket.receive", print)]).channels
    assert sorted(sockets) == [
        "websocket.connect",
        "websocket.disconnect",
        "websocket.receive",
        "x",
    ]
    both = Worker(layer, [route("x", print)], fallback=hello).channels
    assert both == ["x", "http.request", "http.disconnect"]


def test_a_fallback_is_an_application() -> None:
    routes = [route("x", print)]
    with pytest.raises(ConfigurationError, match="fallback is a list of routes; it is an ASGI"):
        Worker(InMemoryChannelLayer(), routes, fallback=routes)  # type: ignore[arg-type]


# -- start ------------------------------------------------------------------------------------


def lifespan_app(*answers: dict[str, str]) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await hello(scope, receive, send)
            return
        for answer in answers:
            await receive()
            await send(answer)

    return app


async def test_a_startup_that_fails_is_an_error() -> None:
    app = lifespan_app({"type": "lifespan.startup.failed", "message": "no database"})
    with pytest.raises(StartupFailed, match=r"^no database$"):
        await Worker(InMemoryChannelLayer(), app).run()


async def test_a_startup_that_fails_without_a_word_is_an_error() -> None:
    app = lifespan_app({"type": "lifespan.startup.failed"})
    with pytest.raises(StartupFailed, match=r"^the application's startup failed$"):
        await Worker(InMemoryChannelLayer(), app).run()


@pytest.mark.parametrize(
    "app",
    [
        hello,  # refuses the scope
        lifespan_app(),  # returns at once
        lifespan_app({"type": "http.response.start"}),  # answers nonsense
        lifespan_app({"type": "lifespan.startup.complete"}),  # ends after its start
    ],
)
def test_applications_without_a_proper_lifespan_just_run(app: Any) -> None:
    with site(app) as its:
        assert httpx.get(its.http).text == "hello"


def test_a_shutdown_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = lifespan_app(
        {"type": "lifespan.startup.complete"},
        {"type": "lifespan.shutdown.failed", "message": "still busy"},
    )
    with working(InMemoryChannelLayer(), app):
        pass
    assert caplog.records[0].getMessage() == "the application's shutdown failed: still busy"


async def test_a_worker_stops_in_a_startup_that_hangs() -> None:
    hanging = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        hanging.set()
        await asyncio.Event().wait()

    worker = Worker(InMemoryChannelLayer(), app)
    running = asyncio.create_task(worker.run())
    await asyncio.to_thread(hanging.wait, PATIENCE)
    worker.stop()
    await running


async def test_a_worker_says_when_it_is_ready() -> None:
    worker = Worker(InMemoryChannelLayer(), hello)
    await worker.run(on_ready=worker.stop)


async def test_a_worker_stopped_before_it_ran_never_runs() -> None:
    worker = Worker(InMemoryChannelLayer(), hello)
    worker.stop()
    await worker.run(on_ready=lambda: pytest.fail("it ran"))


# -- messages ---------------------------------------------------------------------------------


def test_consumers_of_channels_of_ones_own() -> None:
    done: list[Any] = []

    def work(message: Any) -> None:
        done.append(message["n"])
        if message["n"] == 0:
            Channel("other").send({"n": 100})

    async def other(message: Any) -> None:
        done.append(message["n"])

    layer = InMemoryChannelLayer()
    for number in range(10):
        layer.blocking.send("work", {"n": number})
    with working(layer, [route("work", work), route("other", other)], threads=1):
        wait_until(lambda: len(done) == 11)
    assert sorted(done) == [*range(10), 100]


def test_a_message_without_a_route_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    layer = InMemoryChannelLayer()
    layer.blocking.send("work", {"kind": "b"})
    with working(layer, [route("work", print, kind="a")]):
        wait_until(lambda: caplog.records)
    assert caplog.records[0].getMessage() == "no route for a message in work"


def test_a_message_of_the_wrong_kind_is_logged_and_ignored(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with site(hello) as its:
        its.layer.blocking.send("http.request", {"nonsense": True})
        assert httpx.get(its.http).text == "hello"
    expected = "ignored a message from http.request that isn't one of its kind"
    assert caplog.records[0].getMessage() == expected


def test_threads_and_tasks_fill_apart() -> None:
    """While every thread is busy, async consumers still get messages, and sync ones wait."""
    free, began = threading.Event(), threading.Event()
    done: list[str] = []

    def sync(message: Any) -> None:
        began.set()
        free.wait(PATIENCE)
        done.append("sync")

    async def on_loop(message: Any) -> None:
        done.append("async")

    layer = InMemoryChannelLayer()
    with working(layer, [route("sync", sync), route("async", on_loop)], threads=1):
        for _ in range(3):
            layer.blocking.send("sync", {})
        assert began.wait(PATIENCE)
        for _ in range(3):
            layer.blocking.send("async", {})
        wait_until(lambda: done == ["async"] * 3)
        assert layer.blocking.channel_statistics("sync")["messages_pending"] == 2
        free.set()
        wait_until(lambda: done == ["async"] * 3 + ["sync"] * 3)


# -- trouble ----------------------------------------------------------------------------------


class FailingLayer(InMemoryChannelLayer):
    """A layer whose store is gone for those who read normal channels."""

    async def receive_many(self, channels: Any, *, timeout: float | None = None) -> Any:
        raise StoreUnavailable("the store is gone")


async def test_a_listener_that_fails_ends_the_worker_with_its_error() -> None:
    with pytest.raises(StoreUnavailable, match="the store is gone"):
        await Worker(FailingLayer(), hello).run()


def test_store_trouble_in_a_consumer_does_not_end_the_worker(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done: list[int] = []

    async def consumer(message: Any) -> None:
        if message["n"] == 0:
            raise StoreUnavailable("the store is gone")
        done.append(message["n"])

    layer = InMemoryChannelLayer()
    with working(layer, [route("work", consumer)]):
        for number in range(2):
            layer.blocking.send("work", {"n": number})
        wait_until(lambda: done == [1])
    assert "consumer raised" in caplog.records[0].getMessage()


# -- stop -------------------------------------------------------------------------------------


def test_what_runs_is_finished_and_nothing_more_is_taken() -> None:
    began, free = threading.Event(), threading.Event()
    done: list[int] = []

    def slow(message: Any) -> None:
        began.set()
        free.wait(PATIENCE)
        done.append(message["n"])

    layer = InMemoryChannelLayer()
    with working(layer, [route("work", slow)], threads=1) as worker:
        layer.blocking.send("work", {"n": 0})
        assert began.wait(PATIENCE)
        layer.blocking.send("work", {"n": 1})
        worker.stop()
        free.set()
    assert done == [0]
    assert layer.blocking.receive_many(["work"]) == ("work", {"n": 1})


def test_a_request_under_way_is_answered() -> None:
    began, free = threading.Event(), threading.Event()
    answers: list[str] = []

    @without_lifespan
    async def slow(scope: Any, receive: Any, send: Any) -> None:
        began.set()
        await asyncio.to_thread(free.wait, PATIENCE)
        await hello(scope, receive, send)

    with site(None) as its:
        with working(its.layer, slow) as worker:
            asking = threading.Thread(
                target=lambda: answers.append(httpx.get(its.http, timeout=PATIENCE).text)
            )
            asking.start()
            assert began.wait(PATIENCE)
            worker.stop()
            free.set()
        asking.join(PATIENCE)
    assert answers == ["hello"]


def test_what_does_not_finish_in_time_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    began = threading.Event()

    @without_lifespan
    async def endless(scope: Any, receive: Any, send: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    answers: list[int] = []
    with site(None) as its:
        with working(its.layer, endless, graceful_timeout=0.1):
            asking = threading.Thread(
                target=lambda: answers.append(httpx.get(its.http, timeout=PATIENCE).status_code)
            )
            asking.start()
            assert began.wait(PATIENCE)
        asking.join(PATIENCE)
    assert answers == [500]
    assert caplog.records[0].getMessage() == "cut what still ran after 0.1 s: 1 jobs"


def test_a_consumer_that_does_not_finish_in_time_fails() -> None:
    began = threading.Event()

    async def endless(message: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    answers: list[int] = []
    with site(None) as its:
        with working(its.layer, [route("http.request", endless)], graceful_timeout=0.1):
            asking = threading.Thread(
                target=lambda: answers.append(httpx.get(its.http, timeout=PATIENCE).status_code)
            )
            asking.start()
            assert began.wait(PATIENCE)
        asking.join(PATIENCE)
    assert answers == [500]


async def test_a_cancelled_worker_winds_up() -> None:
    ready = asyncio.Event()
    running = asyncio.create_task(Worker(InMemoryChannelLayer(), hello).run(ready.set))
    await ready.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not [thread for thread in threading.enumerate() if thread.name == "fairway-pulse"]
