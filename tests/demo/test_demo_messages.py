"""The demo's chat as programs see it: JSON, and what it says to those who get it wrong."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from websockets.sync.client import ClientConnection, connect

from cli.fairway_process import Running, eventually, get

PATIENCE = 30.0  # seconds


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with Running("--port", "0", module="fairway.demo") as running:
        yield running.url()


def chat(url: str, room: str) -> ClientConnection:
    return connect(f"{url.replace('http', 'ws')}/chat/{room}", open_timeout=PATIENCE)


def received(socket: ClientConnection) -> object:
    return json.loads(socket.recv(PATIENCE))


def test_both_get_exactly_what_one_sent(url: str) -> None:
    said = {"user": "Ada", "text": "ahoy ⛵"}
    with chat(url, "plain") as one, chat(url, "plain") as other:
        one.send(json.dumps({**said, "more": "is left out"}))
        assert received(one) == said
        assert received(other) == said


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ("ahoy", "Expecting value"),
        ("", "Expecting value"),
        (b"\x00", "Expecting value"),
        ("[1]", "an object like"),
        ('{"text": "x"}', "an object like"),
        ('{"user": "", "text": "x"}', "user has to be a text of 1 to 30 characters"),
        ('{"user": "Ada", "text": "  "}', "text has to be a text of 1 to 1000 characters"),
        ('{"user": "Ada", "text": 5}', "text has to be a text of 1 to 1000 characters"),
        (json.dumps({"user": "A" * 31, "text": "x"}), "user has to be a text of 1 to 30"),
        (json.dumps({"user": "Ada", "text": "x" * 1001}), "text has to be a text of 1 to 1000"),
    ],
)
def test_a_wrong_frame_is_explained_to_its_sender_alone(
    url: str, frame: str | bytes, error: str
) -> None:
    with chat(url, "wrong") as one, chat(url, "wrong") as other:
        one.send(frame)
        assert error in str(received(one))
        one.send('{"user": "Ada", "text": "right"}')
        assert received(one) == received(other) == {"user": "Ada", "text": "right"}


def test_only_who_says_his_name_hears_the_others_names(url: str) -> None:
    with chat(url, "names") as silent, chat(url, "names") as ada:
        ada.send('{"user": "Ada"}')
        known = received(ada)
        with chat(url, "names") as ben:
            ben.send('{"user": "Ben"}')
            assert received(ada) == received(ben)
        left = received(ada)
        assert known["user"] == "Ada"
        assert left["user"] is None
        assert left["id"] != known["id"]
        ada.send('{"user": "Ada", "text": "bye"}')
        assert received(silent) == {"user": "Ada", "text": "bye"}


def test_statistics_know_the_rooms_and_their_sizes(url: str) -> None:
    def sizes() -> dict[str, int]:
        return json.loads(get(f"{url}/statistics"))["rooms"]

    with chat(url, "counted"), chat(url, "counted"):
        eventually(lambda: sizes().get("chat.counted") == 2, "two members")
    eventually(lambda: "chat.counted" not in sizes(), "the empty room goes")


@pytest.mark.parametrize("path", ["/", "/room/north", "/static/chat.js", "/static/style.css"])
def test_pages_come_with_their_type(url: str, path: str) -> None:
    with urllib.request.urlopen(url + path, timeout=PATIENCE) as response:
        content_type = response.headers["content-type"]
    kind = {"js": "text/javascript", "css": "text/css"}.get(path.rpartition(".")[2], "text/html")
    assert content_type == f"{kind}; charset=utf-8"


@pytest.mark.parametrize(
    "path", ["/nowhere", "/room/a b", "/room/", "/static/consumers.py", "/static/../consumers.py"]
)
def test_what_is_not_there_is_404(url: str, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as missing:
        get(url + path.replace(" ", "%20"))
    missing.value.close()
    assert missing.value.code == 404


def test_the_page_asks_no_other_host(url: str) -> None:
    for path in ("/", "/static/style.css", "/static/chat.js", "/static/panel.js"):
        assert "https://" not in get(url + path)
