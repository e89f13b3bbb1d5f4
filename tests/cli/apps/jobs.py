"""Work for a worker: each job says its number; one with a `wait` goes on when it is told."""

from fairway.routing import Message, route


def work(message: Message) -> None:
    print(f"job {message['n']}", flush=True)
    if message["wait"]:
        input()


routes = [route("jobs", work)]
