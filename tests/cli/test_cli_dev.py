"""`fairway dev`: serves, reloads, and ends as it should."""

import signal
import threading
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import connect

from .fairway_process import Running, eventually, get, is_alive, is_refused

PATIENCE = 30.0
DEV = ("dev", "--port", "0")


@pytest.mark.parametrize(
    ("target", "answer"),
    [("parts:application", "from an application"), ("parts.routes", "from a consumer")],
)
def test_it_serves_an_application_or_routes(target: str, answer: str) -> None:
    with Running(*DEV, target) as fairway:
        assert f"Serving {target} on " in fairway.wait_for("Serving .* on http://")
    with Running(*DEV, target, "--log-level", "warning", "--threads", "2") as fairway:
        assert get(fairway.url()) == answer
        assert "2 threads" in fairway.said[-1]


def test_it_carries_websockets() -> None:
    with Running(*DEV, "parts:routes") as fairway:
        with connect(fairway.url().replace("http", "ws"), open_timeout=PATIENCE) as socket:
            socket.send("ahoy")
            assert socket.recv(PATIENCE) == "ahoy"
        fairway.wait_for("goodbye")


class Request(threading.Thread):
    """A GET in a thread; `answer` is its body."""

    def __init__(self, url: str):
        super().__init__()
        self.url = url
        self.start()

    def run(self) -> None:
        self.body = get(self.url)

    def answer(self) -> str:
        self.join(PATIENCE)
        return self.body


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_lets_what_is_under_way_finish(number: signal.Signals) -> None:
    with Running(*DEV, "parts:routes") as fairway:
        url = fairway.url()
        request = Request(f"{url}/while")
        fairway.wait_for("begun")
        fairway.send(number)
        eventually(lambda: is_refused(url), "it takes no more connections")
        fairway.answer()
        assert request.answer() == "finished"
        assert fairway.exit_code() == 0
        assert "Traceback" not in "".join(fairway.said)


def test_the_end_closes_websockets_and_their_consumers_hear_of_it() -> None:
    with Running(*DEV, "parts:routes") as fairway:
        with connect(fairway.url().replace("http", "ws"), open_timeout=PATIENCE) as socket:
            socket.send("ahoy")
            socket.recv(PATIENCE)
            fairway.send(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == CloseCode.SERVICE_RESTART
            fairway.wait_for("goodbye")
        assert fairway.exit_code() == 0


def test_a_second_interrupt_ends_what_does_not_end_by_itself() -> None:
    with Running(*DEV, "parts:routes") as fairway:
        url = fairway.url()
        stuck = threading.Thread(target=_get_whatever, args=(f"{url}/hang",))
        stuck.start()
        fairway.wait_for("hanging")
        fairway.send(signal.SIGINT)
        eventually(lambda: is_refused(url), "it takes no more connections")
        fairway.send(signal.SIGINT)
        assert fairway.exit_code() == 128 + signal.SIGINT
        stuck.join(PATIENCE)


def _get_whatever(url: str) -> None:
    try:
        get(url)
    except OSError:
        return


# -- reload -----------------------------------------------------------------------------------

APP = """
import os
from fairway.routing import route

def greet(message):
    message.reply_channel.send({{"status": 200, "content": b"{} %d" % os.getpid()}})

routes = [route("http.request", greet)]
"""


def write(folder: Path, content: str) -> None:
    (folder / "changing.py").write_text(content)


def reloading(folder: Path) -> Running:
    return Running(*DEV, "changing:routes", "--reload", cwd=folder)


def answers(url: str, beginning: str) -> bool:
    """Whether the answer begins so. The process that ends may cut what it has just accepted."""
    try:
        return get(url).startswith(beginning)
    except ConnectionError:
        return False


def test_a_change_is_served_and_a_mistake_waits_for_its_correction(tmp_path: Path) -> None:
    write(tmp_path, APP.format("first"))
    with reloading(tmp_path) as fairway:
        url = fairway.url()
        assert get(url).startswith("first ")
        write(tmp_path, APP.format("second"))
        # No new port, and no moment without one: a request waits for the new process.
        eventually(lambda: answers(url, "second "), "the new code answers")
        fairway.wait_for("changing.py changed: starting again")
        write(tmp_path, "routes = nonsense")
        fairway.wait_for("NameError: name 'nonsense' is not defined")
        fairway.wait_for("Waiting for a change")
        write(tmp_path, APP.format("third"))
        eventually(lambda: answers(url, "third "), "the corrected code answers")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_both_processes(tmp_path: Path, number: signal.Signals) -> None:
    write(tmp_path, APP.format("only"))
    with reloading(tmp_path) as fairway:
        child = int(get(fairway.url()).split()[1])
        fairway.send(number)
        assert fairway.exit_code() == 0
        assert not is_alive(child)
        assert "Traceback" not in "".join(fairway.said)


def test_no_child_outlives_its_parent(tmp_path: Path) -> None:
    write(tmp_path, APP.format("only"))
    with reloading(tmp_path) as fairway:
        child = int(get(fairway.url()).split()[1])
        fairway.send(signal.SIGKILL)
        eventually(lambda: not is_alive(child), "the child ends")
