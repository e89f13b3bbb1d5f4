"""The sockets as plain consumers: a Fairway worker runs them, and keeps nothing between two."""

from fairway.routing import Group, route


def enter(message, room):
    Group(f"chat-{room}").add(message.reply_channel)


def speak(message, room):
    Group(f"chat-{room}").send({"text": message["text"]})


def leave(message, room):
    Group(f"chat-{room}").discard(message.reply_channel)


ROOM = r"^/ws/(?P<room>[\w-]+)/$"

routes = [
    route("websocket.connect", enter, path=ROOM),
    route("websocket.receive", speak, path=ROOM),
    route("websocket.disconnect", leave, path=ROOM),
]
