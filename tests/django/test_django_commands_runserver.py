"""manage.py runserver: all parts in one process, with what Django's own has."""

import os
import re
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from benchmarks.ports import free_port
from benchmarks.redis_server import RedisServer
from project_support import (
    MEMORY,
    PATIENCE,
    PROJECT,
    ROUTES,
    Managed,
    browser,
    copied,
    finished,
    manage,
    migrated,
    opened,
    redis,
    said,
    sqlite,
    tell,
)
from websockets.exceptions import InvalidStatus

from cli.fairway_process import Running


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("template") / "db.sqlite3")


@pytest.fixture
def databases(template: Path, tmp_path: Path) -> dict[str, Any]:
    return sqlite(copied(template, tmp_path))


def serving(running: Running) -> str:
    line = running.wait_for(r"Serving .* on http://\S+ \(interface server and worker in this .*")
    return re.search(r"http://\S+", line).group()


def interrupt(running: Managed) -> None:
    """A terminal's Ctrl-C reaches the reloader's child too."""
    for pid in running.pids():
        os.kill(pid, signal.SIGINT)


@contextmanager
def touching(path: Path) -> Iterator[None]:
    """Django's reloader misses a change that comes before its first look at the file."""
    noticed = threading.Event()

    def touch() -> None:
        while not noticed.wait(2):
            path.touch()

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        yield
    finally:
        noticed.set()
        thread.join()


@pytest.mark.parametrize("reload", [[], ["--noreload"]], ids=["reloading", "--noreload"])
def test_pages_static_files_and_sockets_until_ctrl_c(
    databases: dict[str, Any], reload: list[str]
) -> None:
    tell(databases=databases, layers=MEMORY, routing=ROUTES)
    with manage("runserver", "0", *reload) as server:
        server.wait_for("System check identified no issues")
        site = serving(server)
        assert "InMemoryChannelLayer" in server.said[-1]
        with browser(site) as client, opened(site) as one, opened(site) as two:
            assert [client.get("/count").json()["visits"] for _ in range(2)] == [1, 2]
            server.wait_for(r'"GET /count HTTP/1.1" 200')
            assert client.get("/static/static.txt").text == "a static file\n"
            assert client.get("/nothing").status_code == 404
            assert "project_urls" in client.get("/nothing").text  # Django's page for developers
            assert said(one, "ahoy") == two.recv(PATIENCE) == "ahoy"
            client.get("/say?text=hello")
            assert one.recv(PATIENCE) == two.recv(PATIENCE) == "hello"
            interrupt(server)
            server.wait_for("left")
            server.wait_for("left")
            assert server.exit_code() == 0
    assert "Traceback" not in "".join(server.said)


def test_a_request_under_way_at_ctrl_c_is_finished(
    databases: dict[str, Any], tmp_path: Path
) -> None:
    tell(databases=databases, layers=MEMORY, routing=ROUTES)
    go, answers = tmp_path / "go", []
    with manage("runserver", "0") as server:
        with browser(serving(server)) as client:
            thread = threading.Thread(
                target=lambda: answers.append(client.get(f"/hold?until={go}").status_code)
            )
            thread.start()
            server.wait_for("holding")
            interrupt(server)
            go.touch()
            thread.join(PATIENCE)
        assert answers == [200]
        assert server.exit_code() == 0


def test_changed_code_is_loaded_anew(databases: dict[str, Any], tmp_path: Path) -> None:
    site_folder = tmp_path / "site"
    shutil.copytree(PROJECT, site_folder, ignore=shutil.ignore_patterns("__pycache__"))
    tell(databases=databases, layers=MEMORY, routing=ROUTES)
    with manage("runserver", str(free_port()), cwd=site_folder) as server:
        site = serving(server)
        with opened(site) as client:
            before = said(client, "who")
        routing = site_folder / "project_routing.py"
        routing.write_text(routing.read_text().replace("str(os.getpid())", "'changed'"))
        with touching(routing):
            server.wait_for("project_routing.py changed, reloading")
        assert serving(server) == site
        with opened(site) as client:
            assert said(client, "who") == "changed" != before
        interrupt(server)
        assert server.exit_code() == 0


def test_a_mistake_in_changed_code_waits_for_the_next_change(
    databases: dict[str, Any], tmp_path: Path
) -> None:
    site_folder = tmp_path / "site"
    shutil.copytree(PROJECT, site_folder, ignore=shutil.ignore_patterns("__pycache__"))
    routing = site_folder / "project_routing.py"
    right = routing.read_text()
    routing.write_text(right.replace("routes = [", "rotes = ["))
    tell(databases=databases, layers=MEMORY, routing=ROUTES)
    with manage("runserver", "0", cwd=site_folder) as server:
        server.wait_for("project_routing has no 'routes'")
        routing.write_text(right)
        with touching(routing):
            serving(server)


def test_static_files_are_served_as_options_say(databases: dict[str, Any]) -> None:
    for debug, options, status in (
        (True, ["--nostatic"], 404),
        (False, [], 404),
        (False, ["--insecure"], 200),
    ):
        tell(databases=databases, layers=MEMORY, routing=ROUTES, debug=debug)
        with (
            manage("runserver", "0", "--noreload", *options) as server,
            browser(serving(server)) as client,
        ):
            assert client.get("/static/static.txt").status_code == status, options
            assert client.get("/count").status_code == 200


@pytest.mark.parametrize(
    ("words", "url"),
    [
        (["[::1]:0"], r"http://\[::1\]:\d+"),
        (["-6", "0"], r"http://\[::1\]:\d+"),
        (["0:0"], r"http://127\.0\.0\.1:\d+"),
        (["localhost:0"], r"http://127\.0\.0\.1:\d+"),
    ],
    ids=str,
)
def test_addresses(databases: dict[str, Any], words: list[str], url: str) -> None:
    tell(databases=databases, layers=MEMORY, routing=ROUTES)
    with manage("runserver", "--noreload", *words) as server:
        site = serving(server)
        assert re.fullmatch(url, site)
        with browser(site) as client:
            assert client.get("/count").status_code == 200
        server.send(signal.SIGTERM)
        assert server.exit_code() == 0


def test_what_it_cannot_listen_on(databases: dict[str, Any]) -> None:
    tell(databases=databases, layers=MEMORY, routing=ROUTES)
    wrong = finished("runserver", "--noreload", "nonsense:port")
    assert wrong.returncode == 1
    assert "is not a valid port number or address:port pair" in wrong.stdout
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = finished("runserver", "--noreload", str(taken.getsockname()[1]))
    assert ended.returncode == 1
    assert ended.stdout.endswith("Error: That port is already in use.\n")


def test_missing_migrations_are_told(tmp_path: Path) -> None:
    tell(databases=sqlite(tmp_path / "empty"), layers=MEMORY, routing=ROUTES)
    with manage("runserver", "0", "--noreload") as server:
        server.wait_for(r"You have \d+ unapplied migration")
        serving(server)


@pytest.mark.parametrize("channels", [[], ["channels"]], ids=["alone", "beside Channels"])
def test_an_application_of_channels(databases: dict[str, Any], channels: list[str]) -> None:
    tell(
        databases=databases,
        layers=MEMORY,
        apps=["fairway.django", *channels],
        application="project_asgi.application",
    )
    with manage("runserver", "0", "--noreload") as server:
        site = serving(server)
        with browser(site) as client, opened(site) as one, opened(site) as two:
            assert client.get("/count").json()["visits"] == 1
            assert client.get("/static/static.txt").status_code == 200
            assert said(one, "ahoy") == two.recv(PATIENCE) == "ahoy"


def test_without_routing_there_are_djangos_views(databases: dict[str, Any]) -> None:
    tell(databases=databases, layers=MEMORY)
    with manage("runserver", "0", "--noreload", "--nothreading") as server:
        site = serving(server)
        assert "Serving Django's views" in server.said[-1]
        with browser(site) as client:
            assert client.get("/count").json()["visits"] == 1
        with pytest.raises(InvalidStatus, match="403"):
            opened(site)


@pytest.fixture(scope="module")
def redis_server() -> Iterator[RedisServer]:
    with RedisServer() as server:
        yield server


def test_over_the_projects_layer_on_redis(
    databases: dict[str, Any], redis_server: RedisServer
) -> None:
    tell(databases=databases, layers=redis(redis_server.url), routing=ROUTES)
    with manage("runserver", "0", "--noreload") as server:
        site = serving(server)
        assert f"RedisChannelLayer on {redis_server.url}" in server.said[-1]
        with browser(site) as client, opened(site) as one:
            client.get("/say?text=hello")
            assert one.recv(PATIENCE) == "hello"
            server.send(signal.SIGINT)
            server.wait_for("left")
            assert server.exit_code() == 0
