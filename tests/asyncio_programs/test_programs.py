"""Starlette and FastAPI programs with groups, run where Django can't be imported."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest
from benchmarks.ports import free_port
from benchmarks.servers import redis_server
from websockets.sync.client import ClientConnection, connect

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE = 30.0  # seconds; a busy machine may take its time
PROGRAMS = ["starlette_chat", "fastapi_chat"]

Start = Callable[..., int]


@pytest.fixture
def without(tmp_path: Path) -> Callable[..., dict[str, str]]:
    """An environment in which the libraries that are named can't be imported."""

    def hide(*libraries: str) -> dict[str, str]:
        for library in libraries:
            package = tmp_path / library
            package.mkdir()
            sentence = f"No module named {library!r}"
            raising = f"raise ModuleNotFoundError({sentence!r}, name={library!r})"
            (package / "__init__.py").write_text(raising)
        return {**os.environ, "PYTHONPATH": str(tmp_path)}

    return hide


@contextmanager
def running(*words: str, cwd: Path, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=cwd, env=env, stdin=subprocess.DEVNULL
    )
    try:
        yield process
        process.terminate()
        process.wait(PATIENCE)
    finally:
        process.kill()
        process.wait()


def opened(port: int, room: int) -> ClientConnection:
    """A socket, as soon as the server lets one in."""
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            return connect(f"ws://127.0.0.1:{port}/chat/{room}", open_timeout=PATIENCE)
        except OSError:
            assert time.monotonic() < ends, "nothing listens there"
            time.sleep(0.05)


@pytest.fixture
def start(without: Callable[..., dict[str, str]]) -> Iterator[Start]:
    """Start an example under uvicorn: its port."""
    env = without("django", "channels")
    with ExitStack() as stack:

        def start(name: str, **more: str) -> int:
            port = free_port()
            words = ["uvicorn", f"{name}:app", "--port", str(port), "--log-level", "warning"]
            folder = EXAMPLES / name
            stack.enter_context(running(*words, cwd=folder, env={**env, **more}))
            return port

        yield start


def speak(*sockets: ClientConnection) -> None:
    """What each says, all hear."""
    for number, speaker in enumerate(sockets):
        speaker.send(f"ahoy {number}")
        assert [socket.recv(PATIENCE) for socket in sockets] == [f"ahoy {number}"] * len(sockets)


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_chat_in_one_process_over_memory(name: str, start: Start) -> None:
    port = start(name)
    with opened(port, 1) as one, opened(port, 1) as two, opened(port, 2) as elsewhere:
        speak(one, two)
        speak(elsewhere)  # nothing was heard there before


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_chat_in_two_processes_over_redis(name: str, start: Start) -> None:
    with redis_server() as url:
        ports = [start(name, REDIS_URL=url) for _ in range(2)]
        with opened(ports[0], 1) as one, opened(ports[1], 1) as two:
            speak(one, two)


def test_a_request_reaches_the_sockets(start: Start) -> None:
    port = start("fastapi_chat")
    with opened(port, 1) as socket:
        url = f"http://127.0.0.1:{port}/chat/1"
        assert httpx.post(url, params={"text": "news"}, timeout=PATIENCE).status_code == 200
        assert socket.recv(PATIENCE) == "news"


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_program_in_a_worker(name: str, without: Callable[..., dict[str, str]]) -> None:
    env = without("django", "channels")
    with redis_server() as url, ExitStack() as stack:
        port = free_port()
        layer = ["--layer", "fairway.redis.RedisChannelLayer", "--config",
                 json.dumps({"hosts": [url]})]  # fmt: skip
        for words in (["serve", *layer, "--port", str(port)], ["worker", f"{name}:app", *layer]):
            folder = EXAMPLES / name
            given = {**env, "REDIS_URL": url}
            stack.enter_context(running("fairway", *words, cwd=folder, env=given))
        with opened(port, 1) as one, opened(port, 1) as two:
            speak(one, two)


@pytest.mark.parametrize(
    ("library", "layer", "sentence"),
    [
        (
            "django", "fairway.database.DatabaseChannelLayer",
            "the database layer needs django, which is not installed: pip install "
            "'fairway[postgres]' brings it with all that PostgreSQL needs, 'fairway[mysql]' for "
            "MySQL and MariaDB, 'fairway[sqlite]' for SQLite",
        ),
        (
            "redis", "fairway.redis.RedisChannelLayer",
            "the Redis layer needs redis, which is not installed: "
            "pip install 'fairway[redis]' brings it",
        ),
    ],
)  # fmt: skip
def test_a_layer_whose_library_is_missing_says_what_to_install(
    library: str, layer: str, sentence: str, without: Callable[..., dict[str, str]]
) -> None:
    env = without(library)
    for words in (["serve", "--layer", layer], ["conformance", layer]):
        ended = subprocess.run(
            [sys.executable, "-m", "fairway", *words], env=env, text=True, timeout=60,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert ended.returncode == 1
        assert sentence in ended.stdout
        assert "Traceback" not in ended.stdout
    program = f"from {layer.rpartition('.')[0]} import {layer.rpartition('.')[2]}"
    ended = subprocess.run(
        [sys.executable, "-c", program], env=env, text=True, timeout=60,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert ended.stdout.splitlines()[-1] == f"fairway.errors.MissingLibrary: {sentence}"


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_is_short(name: str) -> None:
    assert len((EXAMPLES / name / f"{name}.py").read_text().splitlines()) <= 60


def test_the_program_of_the_page_runs(
    tmp_path: Path, without: Callable[..., dict[str, str]]
) -> None:
    page = (EXAMPLES.parent / "docs" / "asyncio.md").read_text()
    (program,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    ended = subprocess.run(
        [sys.executable, "-c", program], env=without("django", "channels", "redis"), text=True,
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
    )  # fmt: skip
    assert ended.stdout == "{'text': 'a ship'}\n"
