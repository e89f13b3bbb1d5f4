"""`examples/chat`: each command of its README does what is said there."""

import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from benchmarks.ports import free_port
from benchmarks.redis_server import RedisServer
from websockets.sync.client import ClientConnection, connect

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "chat"
README = (EXAMPLE / "README.md").read_text()
COMMANDS = re.findall(r"^    (.*)$", README, re.MULTILINE)
PATIENCE = 60.0

#: Not run here: what these make is where the tests run.
SET_UP = [
    "python3 -m venv chat-venv",
    ". chat-venv/bin/activate",
    "pip install '.[server,redis]' Django channels daphne",
    "cd examples/chat",
]
MIGRATE = "python manage.py migrate"
RUNSERVER = "python manage.py runserver"
INTERFACE = "python manage.py runinterface --port 8000"
WORKER = "python manage.py runworker"
DAPHNE = "daphne -p 8001 chatsite.asgi:application"
UVICORN = "uvicorn --port 8002 chatsite.asgi:application"
ON_REDIS = "export REDIS_URLS=redis://localhost:6379"


def test_every_command_is_tried_here() -> None:
    tried = [*SET_UP, MIGRATE, RUNSERVER, INTERFACE, WORKER, WORKER, DAPHNE, UVICORN, ON_REDIS]
    assert tried == COMMANDS
    assert len(README.splitlines()) <= 60


def words_of(command: str, port: int | None) -> list[str]:
    """The command with a free port, and programs from where the tests run."""
    program, *rest = shlex.split(re.sub(r"\b800\d\b", str(port), command))
    here = Path(sys.executable).parent
    return [sys.executable if program == "python" else str(here / program), *rest]


@pytest.fixture(autouse=True)
def a_users_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the settings that other tests in this process have named."""
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example, migrated."""
    copy = tmp_path / "chat"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("*.sqlite3*", "__pycache__"))
    subprocess.run(words_of(MIGRATE, None), cwd=copy, check=True, capture_output=True)
    return copy


@contextmanager
def running(
    command: str, folder: Path, port: int | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a user has it, once it says where or what it serves; ended by Ctrl-C."""
    said = folder / f"{secrets.token_hex(4)}.log"
    with said.open("wb") as out:
        process = subprocess.Popen(
            words_of(command, port), cwd=folder, stdout=out, start_new_session=True
        )
    try:
        until(lambda: " over channel layer " in said.read_text(), "it says what it serves")
        yield process
        if process.poll() is None:
            interrupt(process)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def interrupt(process: subprocess.Popen[bytes]) -> None:
    """Ctrl-C in its terminal."""
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(PATIENCE) == 0


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"not in {PATIENCE:g} seconds: {what}"
        time.sleep(0.05)


def until_it_answers(port: int) -> None:
    def answers() -> bool:
        try:
            return httpx.get(f"http://localhost:{port}/", timeout=PATIENCE).status_code == 200
        except httpx.TransportError:
            return False

    until(answers, "somebody answers")


def name_and_room_are_kept(port: int) -> None:
    with httpx.Client(base_url=f"http://localhost:{port}", timeout=PATIENCE) as browser:
        assert browser.get("/lobby/").headers["location"] == "/"
        assert browser.post("/", data={"name": "Ann", "room": "lobby"}).status_code == 403
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', browser.get("/").text).group(1)
        form = {"name": "Ann", "room": "lobby", "csrfmiddlewaretoken": token}
        assert browser.post("/", data=form).headers["location"] == "/lobby/"
        assert '"Ann"' in browser.get("/lobby/").text


@contextmanager
def in_the_room(*ports: int) -> Iterator[list[ClientConnection]]:
    """Browsers in the lobby, one at each port, all of whom hear each other."""
    with ExitStack() as stack:
        sockets = [
            stack.enter_context(connect(f"ws://localhost:{port}/ws/lobby/", open_timeout=PATIENCE))
            for port in ports
        ]
        everybody_hears(sockets)
        yield sockets


def everybody_hears(sockets: list[ClientConnection]) -> None:
    for number, client in enumerate(sockets):
        client.send(f"ahoy {number}")
        assert [each.recv(PATIENCE) for each in sockets] == [f"ahoy {number}"] * len(sockets)


def test_all_in_one_process(folder: Path) -> None:
    port = free_port()
    with running(f"{RUNSERVER} {port}", folder):
        until_it_answers(port)
        name_and_room_are_kept(port)
        with in_the_room(port, port):
            pass


def apart(folder: Path) -> None:
    port = free_port()
    with (
        running(INTERFACE, folder, port),
        running(WORKER, folder),
        running(WORKER, folder) as worker,
    ):
        until_it_answers(port)
        name_and_room_are_kept(port)
        with in_the_room(port, port) as sockets:
            interrupt(worker)
            everybody_hears(sockets)
            with running(WORKER, folder):
                everybody_hears(sockets)


def test_interface_server_and_workers(folder: Path) -> None:
    apart(folder)


def under_channels(folder: Path) -> None:
    of_daphne, of_uvicorn = free_port(), free_port()
    with others(DAPHNE, folder, of_daphne), others(UVICORN, folder, of_uvicorn):
        for port in (of_daphne, of_uvicorn):
            until_it_answers(port)
            name_and_room_are_kept(port)
        with in_the_room(of_daphne, of_uvicorn):
            pass


@contextmanager
def others(command: str, folder: Path, port: int) -> Iterator[None]:
    """A server that isn't ours: how it starts and ends isn't either."""
    process = subprocess.Popen(words_of(command, port), cwd=folder)
    try:
        yield
    finally:
        process.kill()
        process.wait()


def test_under_channels(folder: Path) -> None:
    under_channels(folder)


@pytest.mark.parametrize("way", [apart, under_channels], ids=lambda way: way.__name__)
def test_on_redis(
    way: Callable[[Path], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RedisServer() as one, RedisServer() as two:
        name, _, _ = ON_REDIS.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, f"{one.url},{two.url}")
        way(folder)
        assert one.admin.dbsize() + two.admin.dbsize() > 0
        assert not (folder / "db.fairway.sqlite3").exists()
