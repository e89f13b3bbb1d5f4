"""manage.py runinterface and manage.py runworker, and what they say when they can't run."""

import asyncio
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from benchmarks.redis_server import RedisServer
from project_support import (
    MEMORY,
    PATIENCE,
    ROUTES,
    browser,
    check_pages,
    copied,
    finished,
    manage,
    migrated,
    opened,
    redis,
    said,
    sqlite,
    tell,
    until,
    url_said_by,
)

from fairway.redis import RedisChannelLayer


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template") / "db.sqlite3")


@pytest.fixture
def databases(template: Path, tmp_path: Path) -> dict[str, Any]:
    return sqlite(copied(template, tmp_path))


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


@pytest.fixture
def url(server: RedisServer) -> str:
    server.admin.flushall()
    return server.url


# -- what they refuse -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("runworker", "in this process's memory, so a worker would never hear of the interface"),
        ("runinterface", "in this process's memory, so an interface server would never hear of"),
        ("runworker --layer defualt", "did you mean 'default'|it has 'default'"),
        ("runinterface --layer other", "it has 'default'"),
        ("runworker thumbnails", "write --only-channels NAME .* before 'fairway.django'"),
    ],
)
def test_what_cannot_work_is_one_sentence(command: str, words: str, tmp_path: Path) -> None:
    tell(databases=sqlite(tmp_path / "db"), layers=MEMORY, routing=ROUTES)
    ended = finished(*command.split())
    assert ended.returncode == 1
    assert len(ended.stdout.splitlines()) == 1
    assert re.match(f"CommandError: .*({words})", ended.stdout), ended.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--routing project_routing.rotes", "did you mean 'routes'"),
        ("--routing project_routing.job", "takes .message.: an ASGI 2 application"),
        ("--threads 0", "threads is 0; a worker needs 1 or more"),
        ("--concurrency 0", "concurrency is 0; a worker needs 1 or more"),
        ("--only-channels websockets.*", "channels has 'websockets.*'; this target has a use for"),
        ("--exclude-channels jbos", "exclude has 'jbos'; this target has a use for"),
        ("--graceful-timeout 0", "graceful_timeout is 0.0; it is a number of seconds above 0"),
    ],
)
def test_a_wrong_option_of_runworker_is_one_sentence(
    options: str, words: str, tmp_path: Path
) -> None:
    tell(databases=sqlite(tmp_path / "db"), layers=redis("redis://127.0.0.1:1"), routing=ROUTES)
    ended = finished("runworker", *options.split())
    assert ended.returncode == 1
    assert "Traceback" not in ended.stdout
    assert re.search(words, ended.stdout.splitlines()[-1]), ended.stdout


def test_a_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    tell(databases=sqlite(tmp_path / "db"), layers=redis("redis://127.0.0.1:1"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = finished("runinterface", "--port", str(port))
    assert ended.returncode == 1
    assert ended.stdout.startswith(f"CommandError: port {port} on 127.0.0.1 is in use")


# -- what they say --------------------------------------------------------------------------


def test_the_start_line_names_servers_and_no_password(tmp_path: Path, url: str) -> None:
    hosts = ["redis://me:s3cret@127.0.0.1:1/3?password=s3cret", ("127.0.0.1", 2)]
    tell(databases=sqlite(tmp_path / "db"), layers=redis(*hosts))  # type: ignore[arg-type]
    with manage("runinterface", "--port", "0") as interface:
        line = interface.wait_for("Interface server on .*")
        assert "127.0.0.1:1/3, 127.0.0.1:2/0)" in line
        assert "channel layer 'default' (RedisChannelLayer on redis://" in line
        interface.send(signal.SIGTERM)
        assert interface.exit_code() == 0
    assert "s3cret" not in "".join(interface.said)


def test_a_worker_says_what_it_reads(databases: dict[str, Any], url: str) -> None:
    tell(databases=databases, layers=redis(url), routing=ROUTES)
    with manage("runworker") as worker:
        line = worker.wait_for("Worker for .*")
        worker.send(signal.SIGINT)
        assert worker.exit_code() == 0
    channels = "websocket.connect, websocket.receive, websocket.disconnect, jobs, http.request"
    assert line.startswith(f"Worker for {ROUTES}, and Django's views, reading {channels}")
    chosen = ("--only-channels", "http.*", "web*", "--exclude-channels", "*.disconnect")
    with manage("runworker", *chosen) as worker:
        line = worker.wait_for("Worker for .*")
    assert ", reading websocket.connect, websocket.receive, http.request, over" in line


# -- what they do ---------------------------------------------------------------------------


def test_pages_uploads_streams_and_sockets(
    databases: dict[str, Any], url: str, tmp_path: Path
) -> None:
    tell(databases=databases, layers=redis(url), routing=ROUTES)
    with manage("runinterface", "--port", "0") as interface, manage("runworker") as worker:
        site = url_said_by(interface)
        worker.wait_for("Worker for")
        check_pages(site)
        with browser(site) as client:
            with opened(site) as one, opened(site) as two:
                assert said(one, "who") == str(worker.process.pid)
                assert said(one, "ahoy") == two.recv(PATIENCE) == "ahoy"
                client.get("/say?text=hello")
                assert one.recv(PATIENCE) == two.recv(PATIENCE) == "hello"
            worker.wait_for("left")
            worker.wait_for("left")


def test_a_streamed_response_ends_with_its_client(databases: dict[str, Any], url: str) -> None:
    tell(databases=databases, layers=redis(url), routing=ROUTES)
    with manage("runinterface", "--port", "0") as interface, manage("runworker") as worker:
        site = url_said_by(interface)
        worker.wait_for("Worker for")
        with browser(site) as client:
            with client.stream("GET", "/live") as response:
                assert next(response.iter_text()) == "begun\n"
            assert client.get("/count").status_code == 200
        worker.send(signal.SIGTERM)
        assert worker.exit_code() == 0  # nothing runs that it would have to wait for
        interface.send(signal.SIGTERM)
        assert interface.exit_code() == 0


def test_consumers_find_their_connection_as_views_do(databases: dict[str, Any], url: str) -> None:
    """Each message begins with a log of queries of its own, as each request does."""
    tell(databases=databases, layers=redis(url), routing=ROUTES)
    with (
        manage("runinterface", "--port", "0") as interface,
        manage("runworker", "--threads", "1") as worker,
    ):
        site = url_said_by(interface)
        worker.wait_for("Worker for")
        with opened(site) as client:
            counts = {said(client, "query") for _ in range(3)}
        assert len(counts) == 1


def test_an_application_of_channels(databases: dict[str, Any], url: str) -> None:
    tell(
        databases=databases,
        layers=redis(url),
        apps=["fairway.django", "channels"],
        application="project_asgi.application",
    )
    with manage("runinterface", "--port", "0") as interface, manage("runworker") as worker:
        site = url_said_by(interface)
        line = worker.wait_for("Worker for .*")
        assert line.startswith("Worker for project_asgi.application, reading http.request")
        with browser(site) as client, opened(site) as one, opened(site) as two:
            assert client.get("/count").json()["visits"] == 1
            assert said(one, "ahoy") == two.recv(PATIENCE) == "ahoy"


# -- how they end ---------------------------------------------------------------------------


def test_a_stopped_worker_finishes_its_request_and_another_goes_on(
    databases: dict[str, Any], url: str, tmp_path: Path
) -> None:
    tell(databases=databases, layers=redis(url), routing=ROUTES)
    go = tmp_path / "go"
    with manage("runinterface", "--port", "0") as interface, manage("runworker") as first:
        site = url_said_by(interface)
        first.wait_for("Worker for")

        async def scene() -> None:
            async with httpx_client(site) as client:
                held = asyncio.create_task(client.get(f"/hold?until={go}"))
                await asyncio.to_thread(first.wait_for, "holding")
                first.send(signal.SIGTERM)
                with manage("runworker") as second:
                    await asyncio.to_thread(second.wait_for, "Worker for")
                    # The first one takes no more.
                    pids = {(await client.get("/count")).json()["pid"] for _ in range(10)}
                    assert pids == {second.process.pid}
                    go.touch()
                    assert (await held).text == str(first.process.pid)
                    assert await asyncio.to_thread(first.exit_code) == 0

        asyncio.run(scene())


def httpx_client(site: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=site, timeout=PATIENCE)


def test_a_second_signal_ends_it_at_once(databases: dict[str, Any], url: str) -> None:
    tell(databases=databases, layers=redis(url), routing=ROUTES)
    layer = RedisChannelLayer(hosts=[url])
    layer.blocking.send("jobs", {"n": 1, "wait": True})
    with manage("runworker") as worker:
        worker.wait_for("job 1")
        worker.send(signal.SIGTERM)
        until(lambda: stops_reading(layer), "the first signal's effect")
        assert worker.process.poll() is None
        worker.send(signal.SIGTERM)
        assert worker.exit_code() == 128 + signal.SIGTERM
    asyncio.run(layer.close())


def stops_reading(layer: RedisChannelLayer) -> bool:
    """Whether a job is left to us."""
    layer.blocking.send("jobs", {"n": 2})
    _, message = layer.blocking.receive_many(["jobs"], block=True, timeout=0.2)
    return message is not None


def test_jobs_that_a_stopped_worker_took_ahead_go_back_in_order(
    databases: dict[str, Any], url: str
) -> None:
    tell(databases=databases, layers=redis(url), routing=ROUTES)
    layer = RedisChannelLayer(hosts=[url])
    for n in range(90):
        layer.blocking.send("jobs", {"n": n, "wait": n == 60})
    with manage("runworker", "--threads", "1", "--only-channels", "jobs") as worker:
        worker.wait_for("job 60$")
        worker.send(signal.SIGTERM)
        worker.answer()
        assert worker.exit_code() == 0
    # The signal may come a moment after the long job's end: then it has begun some more.
    first = len(re.findall("^job ", worker.all_said(), re.MULTILINE))
    assert 60 < first < 90
    left = [layer.blocking.receive("jobs", PATIENCE)["n"] for _ in range(first, 90)]
    assert left == list(range(first, 90))
    asyncio.run(layer.close())


# -- the page -------------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent.parent / "docs" / "django-commands.md"
DJANGOS = {
    "--help", "--version", "--verbosity", "--settings", "--pythonpath", "--traceback",
    "--no-color", "--force-color", "--skip-checks",
}  # fmt: skip


@pytest.mark.parametrize("command", ["runinterface", "runworker"])
def test_the_page_has_every_option(command: str, tmp_path: Path) -> None:
    tell(databases=sqlite(tmp_path / "db"), layers=MEMORY)
    options = set(re.findall(r"--[a-z-]+", finished(command, "--help").stdout)) - DJANGOS
    table = PAGE.read_text().partition(f"| `{command}` |")[2].partition("\n\n")[0]
    assert options == set(re.findall(r"`(--[a-z-]+)`", table))
