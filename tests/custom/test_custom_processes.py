"""Layers that are not ours under `fairway serve` and `fairway worker`, each its own process."""

import json
import os
import queue
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection, connect

from .conftest import EXAMPLE

APPS = Path(__file__).parent / "apps"
PATIENCE = 30.0  # seconds; a busy machine may take its time

Lines = Callable[[str], str]


def fairway(*words: str) -> AbstractContextManager[Lines]:
    """The command, running."""
    return running("fairway", *words)


@contextmanager
def running(module: str, *words: str, **env: str) -> Iterator[Lines]:
    """A module, running: gives a function that waits for a line and returns it."""
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", module, *words],
        cwd=APPS, env={**os.environ, "PYTHONPATH": f"{EXAMPLE}{os.pathsep}{APPS}", **env},
        text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()
    assert process.stdout is not None
    reader = threading.Thread(target=lambda: [lines.put(line) for line in process.stdout or ()])
    reader.start()

    def wait_for(pattern: str) -> str:
        while True:
            line = lines.get(timeout=PATIENCE)
            if found := re.search(pattern, line):
                return found.group()

    try:
        yield wait_for
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            reader.join(PATIENCE)
            process.stdout.close()


def opened(url: str) -> ClientConnection:
    return connect(url.replace("http", "ws"), open_timeout=PATIENCE)


def layer_options(path: str, directory: Path) -> list[str]:
    return ["--layer", path, "--config", json.dumps({"directory": str(directory)})]


@pytest.mark.parametrize(
    "path", ["directory_layer.DirectoryChannelLayer", "site_parts.Stranger"], ids=["ours", "theirs"]
)
def test_two_processes_and_groups_of_sockets(path: str, tmp_path: Path) -> None:
    layer = layer_options(path, tmp_path)
    with ExitStack() as stack:
        served = stack.enter_context(fairway("serve", *layer, "--port", "0"))
        url = served(r"http://[\d.:]+")
        worker = stack.enter_context(fairway("worker", "site_parts:routes", *layer))
        worker("Worker for")
        one, two = (stack.enter_context(opened(url)) for _ in range(2))
        said = 0
        ends = time.monotonic() + PATIENCE
        while time.monotonic() < ends:  # until the second socket's connect consumer has run
            said += 1
            one.send(f"ahoy {said}")
            assert one.recv(PATIENCE).startswith("ahoy")
            try:
                assert str(two.recv(0.5)).startswith("ahoy")
            except TimeoutError:
                continue
            return
        raise AssertionError("what one said never reached the other")


def test_an_application_over_a_layer_that_is_not_ours(tmp_path: Path) -> None:
    layer = layer_options("site_parts.Stranger", tmp_path)
    with ExitStack() as stack:
        served = stack.enter_context(fairway("serve", *layer, "--port", "0"))
        url = served(r"http://[\d.:]+")
        stack.enter_context(fairway("worker", "site_parts:application", *layer))
        socket = stack.enter_context(opened(url))
        for text in ("one", "two"):
            socket.send(text)
            assert socket.recv(PATIENCE) == text


@pytest.mark.parametrize("command", [["serve"], ["worker", "site_parts:routes"]], ids=str)
def test_what_a_layer_lacks_is_one_sentence(command: list[str]) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "fairway", *command, "--layer", "site_parts.Half"],
        cwd=APPS, env={**os.environ, "PYTHONPATH": str(EXAMPLE)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stdout.startswith("Error: site_parts.Half is no channel layer for servers")
    assert "it has no receive, receive_many, new_channel" in ended.stdout
    assert len(ended.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    "path", ["directory_layer.DirectoryChannelLayer", "site_parts.Stranger"], ids=["ours", "theirs"]
)
def test_a_django_project_on_it(path: str, tmp_path: Path) -> None:
    env = {
        "DJANGO_SETTINGS_MODULE": "site_settings", "SITE_BACKEND": path,
        "SITE_DIRECTORY": str(tmp_path),
    }  # fmt: skip
    with ExitStack() as stack:
        interface = stack.enter_context(running("django", "runinterface", "--port", "0", **env))
        url = interface(r"http://[\d.:]+")
        stack.enter_context(running("django", "runworker", **env))
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:
            assert response.read() == b"from Django"
