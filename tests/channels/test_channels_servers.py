"""The project in processes of Daphne, uvicorn and hypercorn, with clients from outside."""

import json
import secrets
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from benchmarks.ports import free_port
from channels_support import CHANNELS, PATIENCE, PROJECT, Backend, Process, received, websocket
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

# Daphne drops a socket that isn't open after its time.
SERVERS = {
    "daphne": [
        *["-m", "daphne", "-p", "{port}", "--websocket_connect_timeout", "60"],
        "dropin.asgi:application",
    ],
    "uvicorn": ["-m", "uvicorn", "--port", "{port}", "dropin.asgi:application"],
    "hypercorn": ["-m", "hypercorn", "-b", "127.0.0.1:{port}", "dropin.asgi:application"],
}


@pytest.fixture(params=SERVERS)
def command(request: pytest.FixtureRequest) -> list[str]:
    return SERVERS[request.param]


@pytest.fixture
def ports(command: list[str], backend: Backend, folder: Path) -> Iterator[list[int]]:
    """Two processes of one server; on the memory layer one, twice."""
    with ExitStack() as stack:
        count = 2 if backend.is_cross_process else 1
        started = [start(stack, command, backend, folder) for _ in range(count)]
        for process, port in started:
            process.listens_on(port)
        yield [port for _, port in started] * (3 - count)


def start(
    stack: ExitStack, command: list[str], backend: Backend, folder: Path
) -> tuple[Process, int]:
    port = free_port()
    words = [word.format(port=port) for word in command]
    process = Process(
        *words, cwd=PROJECT, env=backend.environment(folder), log=folder / f"{port}.log"
    )
    return stack.enter_context(process), port


def get(port: int, path: str, data: bytes | None = None) -> str:
    url = f"http://127.0.0.1:{port}{path}"
    with urllib.request.urlopen(url, data, timeout=PATIENCE) as response:
        return str(response.read().decode())


@pytest.fixture
def frames(command: list[str]) -> list[str | bytes]:
    """Of both kinds, where they arrive: Channels before 4.2 takes hypercorn's binary ones for
    text, on its own layer too."""
    return ["ahoy"] if CHANNELS < (4, 2) and "hypercorn" in command else ["ahoy", b"\x00\xff"]


def test_a_site_works(ports: list[int], frames: list[str | bytes]) -> None:
    here, there = ports
    room = f"room-{secrets.token_hex(4)}"
    with (
        websocket(here, f"/sync/{room}") as one,
        websocket(there, f"/async/{room}") as two,
        websocket(there, f"/sync/{room}-other") as other,
    ):
        for frame in frames:
            everyone_hears([one, two], one, frame)
            everyone_hears([one, two], two, frame)
        views_are_heard([one, two], here, there, room)
        other.send("elsewhere")
        assert received(other) == "elsewhere"  # and nothing before
        a_socket_leaves(two, one)
    long_poll(here, there, room)
    groups_of_the_class(here, there)


def everyone_hears(
    all_of_them: list[ClientConnection], one: ClientConnection, said: str | bytes
) -> None:
    one.send(said)
    assert [each.recv(PATIENCE) for each in all_of_them] == [said] * len(all_of_them)


def views_are_heard(sockets: list[ClientConnection], here: int, there: int, room: str) -> None:
    assert get(here, f"/announce/{room}/plain") == "announced"
    assert [received(each) for each in sockets] == ["plain"] * len(sockets)
    assert get(there, f"/announce-async/{room}/async") == "announced"
    assert [received(each) for each in sockets] == ["async"] * len(sockets)


def a_socket_leaves(leaver: ClientConnection, other: ClientConnection) -> None:
    leaver.send("bye")
    with pytest.raises(ConnectionClosed) as closed:
        leaver.recv(PATIENCE)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4001
    assert received(other).startswith("left with")


def long_poll(here: int, there: int, room: str) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{here}/poll/{room}-poll") as response:
        assert response.readline() == b"waiting\n"
        get(there, f"/poll/{room}-poll", data="ahoy ⛵".encode())
        assert response.read().decode() == "ahoy ⛵"


def groups_of_the_class(here: int, there: int) -> None:
    with websocket(here, "/everyone") as one, websocket(there, "/async-everyone") as two:
        said = {"text": "⛵", "numbers": [1, 2.5, None]}
        one.send(json.dumps(said))
        assert [json.loads(received(each)) for each in (one, two)] == [said, said]
