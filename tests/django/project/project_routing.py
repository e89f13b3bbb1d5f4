import os
import sys

from django.db import connection

from fairway.routing import Group, route


def say(line):
    """In one piece, whoever else says something."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def enter(message):
    Group("chat").add(message.reply_channel)
    message.reply_channel.send({"accept": True})


def hear(message):
    text = message["text"]
    if text == "who":
        message.reply_channel.send({"text": str(os.getpid())})
    elif text == "query":
        connection.ensure_connection()
        message.reply_channel.send({"text": f"queries {len(connection.queries)}"})
        connection.cursor().execute("SELECT 1")
    else:
        Group("chat").send({"text": text})


def leave(message):
    Group("chat").discard(message.reply_channel)
    say("left")


def job(message):
    say(f"job {message['n']}")
    if message.get("wait"):
        input()


routes = [
    route("websocket.connect", enter, path="^/chat$"),
    route("websocket.receive", hear, path="^/chat$"),
    route("websocket.disconnect", leave, path="^/chat$"),
    route("jobs", job),
]
