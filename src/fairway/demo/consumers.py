"""A chat with rooms, and a live picture of the layer that carries it: the demo, and a tutorial.

A consumer is a function that is given one message. It keeps nothing: what has to outlive
it, such as who is in which room, stands in the layer's groups. So it doesn't matter which
worker runs it, nor whether that worker was started a second ago.
"""

import json
from pathlib import Path
from typing import Any

from fairway.routing import Group, Message, route

MOST = {"user": 30, "text": 1000}  # characters
STATIC = Path(__file__).parent / "static"
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}

# -- The chat: each browser tab has a WebSocket at /chat/<room> ------------------------------


def enter(message: Message, room: str) -> None:
    """The reply channel leads to this browser: what is sent to its groups, it gets."""
    Group(f"chat.{room}").add(message["reply_channel"])
    Group("rooms").add(f"chat.{room}")  # a group is a set of names: this one, of those in use


def speak(message: Message, room: str) -> None:
    """Pass on {"user", "text"} to the room; {"user"} alone says what somebody is called."""
    try:
        said = understood(message)
    except ValueError as error:
        reply(message, {"text": json.dumps({"error": str(error)})})
        return
    if "text" in said:
        Group(f"chat.{room}").send({"text": json.dumps(said)})
    else:
        Group(f"crew.{room}").add(message["reply_channel"])
        introduce(message, room, said["user"])


def leave(message: Message, room: str) -> None:
    """The tab was closed, or its connection broke: this is the last message from there."""
    Group(f"chat.{room}").discard(message["reply_channel"])
    Group(f"crew.{room}").discard(message["reply_channel"])
    introduce(message, room, None)
    if not Group(f"chat.{room}").channels():
        Group("rooms").discard(f"chat.{room}")


def introduce(message: Message, room: str, user: str | None) -> None:
    """Tell those who said what they are called about one more of them; None: has left."""
    who = {"id": message["reply_channel"], "user": user}
    Group(f"crew.{room}").send({"text": json.dumps(who)})


def understood(message: Message) -> dict[str, str]:
    """What the browser says. ValueError tells it what it got wrong."""
    frame = json.loads(message.get("text", ""))
    if not isinstance(frame, dict) or "user" not in frame:
        raise ValueError('it takes an object like {"user": "…", "text": "…"}')
    said = {key: frame[key] for key in MOST if key in frame}
    for key, value in said.items():
        if not isinstance(value, str) or not 0 < len(value.strip()) <= MOST[key]:
            raise ValueError(f"{key} has to be a text of 1 to {MOST[key]} characters")
    return said


# -- The page, and what its panel asks for once a second -------------------------------------


def page(message: Message, room: str = "lobby") -> None:
    """One page for all rooms: its script takes the room from the address."""
    file(message, "index.html")


def file(message: Message, name: str) -> None:
    answer(message, (STATIC / name).read_bytes(), TYPES[name.rpartition(".")[2]])


def statistics(message: Message) -> None:
    """The layer's own figures, and the sizes of the rooms' groups."""
    figures = message.channel.layer.blocking.global_statistics()
    rooms = {group: len(Group(group).channels()) for group in sorted(Group("rooms").channels())}
    answer(message, json.dumps({**figures, "rooms": rooms}).encode(), "application/json")


def waves(message: Message) -> None:
    """Send more to a channel that nobody reads than it can hold, for all to see."""
    Group("waves").add("waves.unread")
    for number in range(300):
        Group("waves").send({"number": number})
    Group("waves").discard("waves.unread")
    answer(message, b"Waves made.", "text/plain")


def answer(message: Message, content: bytes, kind: str) -> None:
    """A response to an HTTP request."""
    content_type = (b"content-type", f"{kind}; charset=utf-8".encode())
    headers = [content_type, (b"cache-control", b"no-cache")]
    reply(message, {"status": 200, "headers": headers, "content": content})


def reply(message: Message, content: dict[str, Any]) -> None:
    """Send to the browser that a message came from."""
    if message.reply_channel is not None:
        message.reply_channel.send(content)


# -- Which message goes to which consumer ----------------------------------------------------
ROOM = r"(?P<room>[A-Za-z0-9._-]{1,40})"

routes = [
    route("websocket.connect", enter, path=rf"^/chat/{ROOM}$"),
    route("websocket.receive", speak, path=rf"^/chat/{ROOM}$"),
    route("websocket.disconnect", leave, path=rf"^/chat/{ROOM}$"),
    route("http.request", page, path=rf"^/(room/{ROOM})?$"),
    route("http.request", file, path=r"^/static/(?P<name>(chat|panel)\.js|style\.css|icon\.svg)$"),
    route("http.request", statistics, path=r"^/statistics$"),
    route("http.request", waves, path=r"^/waves$", method="^POST$"),
]
