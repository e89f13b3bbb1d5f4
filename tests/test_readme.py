"""The README says only what works: its code is run here, as it stands there."""

import json
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from benchmarks.ports import free_port
from websockets.sync.client import ClientConnection, connect

README = (Path(__file__).parent.parent / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
DEADLINE = 30.0


def block(holding: str) -> str:
    (found,) = [code for code in BLOCKS if holding in code]
    return found


@contextmanager
def running(*command: str, cwd: Path) -> Iterator[None]:
    process = subprocess.Popen(command, cwd=cwd)
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def opened(url: str) -> ClientConnection:
    ends = time.monotonic() + DEADLINE
    while True:
        try:
            return connect(url, open_timeout=DEADLINE)
        except OSError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.05)


def chat_works(port: int) -> None:
    with opened(f"ws://127.0.0.1:{port}/chat") as one, opened(f"ws://127.0.0.1:{port}/chat") as two:
        # A socket is in the group once its connect consumer ran, which may be just after it opened.
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends:
            one.send("ahoy")
            try:
                assert two.recv(0.5) == "ahoy"
            except TimeoutError:
                continue
            assert one.recv(DEADLINE) == "ahoy"
            return
        raise AssertionError("what one said never reached the other")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "chat.py").write_text(block("def speak"))
    return tmp_path


@pytest.fixture
def redis_url(tmp_path: Path) -> Iterator[str]:
    server = shutil.which("redis-server")
    assert server is not None, "redis-server is missing: make test installs it"
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    with running(server, *options, "--loglevel", "warning", cwd=tmp_path):
        ends = time.monotonic() + DEADLINE
        while time.monotonic() < ends:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"redis://127.0.0.1:{port}"


def fairway(*words: str) -> list[str]:
    return [sys.executable, "-m", "fairway", *words]


def test_the_program_without_anything(tmp_path: Path) -> None:
    program = subprocess.run(
        [sys.executable, "-c", block("asyncio.run")],
        capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert program.stdout == "{'text': 'hello'}\n"


def test_the_chat_in_one_process(folder: Path) -> None:
    port = free_port()
    with running(*fairway("dev", "chat:routes", "--port", str(port)), cwd=folder):
        chat_works(port)


@pytest.mark.patience(120)
def test_the_chat_apart_while_its_worker_is_restarted(folder: Path, redis_url: str) -> None:
    port = free_port()
    layer = ["--layer", "fairway.redis.RedisChannelLayer", "--config",
             json.dumps({"hosts": [redis_url]})]  # fmt: skip
    worker = fairway("worker", "chat:routes", *layer)
    with ExitStack() as stack:
        stack.enter_context(running(*fairway("serve", *layer, "--port", str(port)), cwd=folder))
        with running(*worker, cwd=folder):
            chat_works(port)
            early = stack.enter_context(opened(f"ws://127.0.0.1:{port}/chat"))
        with running(*worker, cwd=folder):
            early.send("still here")
            assert early.recv(DEADLINE) == "still here"
            chat_works(port)


def test_the_settings_under_channels(redis_url: str, tmp_path: Path) -> None:
    port = redis_url.rpartition(":")[2]
    script = f"""
import asyncio
from django.conf import settings
{block("CHANNEL_LAYERS").replace("6379", port)}
settings.configure(CHANNEL_LAYERS=CHANNEL_LAYERS)
from channels.layers import get_channel_layer

async def main():
    layer = get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add("chat", channel)
    await layer.group_send("chat", {{"type": "chat.message"}})
    print(type(layer).__name__, await layer.receive(channel))
    await layer.close()

asyncio.run(main())
"""
    program = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True, text=True, timeout=60, check=True, cwd=tmp_path,
    )  # fmt: skip
    assert program.stdout == "RedisChannelLayer {'type': 'chat.message'}\n"
