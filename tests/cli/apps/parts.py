"""What the commands are given to run: the good, and what a user may get wrong."""

import threading

from fairway.memory import InMemoryChannelLayer
from fairway.routing import Message, route

number = 5
no_routes: list[object] = []


async def application(scope, receive, send):
    if scope["type"] != "http":
        raise NotImplementedError(scope["type"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"from an application"})


def wsgi(environ, start_response):
    return [b""]


async def unwilling(scope, receive, send):
    """It can't start."""
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "the tide is out"})


def greet(message: Message) -> None:
    message.reply_channel.send({"status": 200, "content": b"from a consumer"})


def echo(message: Message) -> None:
    message.reply_channel.send({"text": message["text"]})


def say_goodbye(message: Message) -> None:
    print("goodbye", flush=True)


def hang(message: Message) -> None:
    print("hanging", flush=True)
    threading.Event().wait()


def take_a_while(message: Message) -> None:
    print("begun", flush=True)
    input()
    message.reply_channel.send({"status": 200, "content": b"finished"})


routes = [
    route("http.request", greet, path="^/$"),
    route("http.request", hang, path="^/hang$"),
    route("http.request", take_a_while, path="^/while$"),
    route("websocket.receive", echo),
    route("websocket.disconnect", say_goodbye),
]


class Pretender(InMemoryChannelLayer):
    """Says that it crosses processes: enough to start one half without the other."""

    cross_process = True
