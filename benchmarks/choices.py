"""python -m benchmarks.choices: the numbers that were chosen, beside others that were not."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any
from unittest.mock import patch

from asgiref.sync import async_to_sync

from fairway.engine import replies
from fairway.engine.shortcut import Shortcut
from fairway.redis import RedisChannelLayer

from . import procedures
from .server_use import uses_of
from .servers import redis_server
from .sheet import Sheet, publish
from .side import Side
from .subjects import PLENTY

_ROUNDS = 5
_SETTLING = 1.3
_COUNT = 60_000
_IN_FLIGHT = 100
_CALLS = 600


def sheets() -> Iterator[Sheet]:
    """What was found."""
    with redis_server() as address:
        yield Sheet(
            "prefetch",
            ["prefetch", "msg/s", "server µs/msg"],
            {str(n): _prefetch(address, n) for n in (1, 10, 50, 250, 1000)},
        )
        yield Sheet(
            "waiting",
            ["`async_to_sync(group_send)`, carried out by", "calls/s"],
            {way: [rate] for way, rate in _ways_of_a_call(address).items()},
        )
        yield Sheet(
            "heartbeats",
            ["heartbeat", "process, ms/s", "server, ms/s", "commands/s"],
            {f"{seconds:g} s": _heartbeat(address, seconds) for seconds in (0.25, 0.5, 2, 10)},
        )


def _prefetch(address: str, prefetch: int) -> list[float | str]:
    with ExitStack() as stack:
        sender, receiver = (
            stack.enter_context(closing(_side(address, prefetch=prefetch))) for _ in range(2)
        )
        rates, costs = [], []
        for _ in range(_ROUNDS):
            before = uses_of([address])[0]
            receiver.start(procedures.receive, f"work-{prefetch}", _COUNT)
            start = sender.call(procedures.send, f"work-{prefetch}", _COUNT, _IN_FLIGHT)
            rates.append(_COUNT / (receiver.result() - start))
            costs.append((uses_of([address])[0] - before).cpu / _COUNT * 1e6)
    return [max(rates), min(costs)]


def _side(address: str, **changes: Any) -> Side:
    side = Side("fairway.redis", [address], changes=changes)
    side.call(procedures.settle, _SETTLING)
    return side


#: Who carries out a call of a loop that comes and goes: how long that loop stands still for
#: the reply, and whether it does the work itself.
_WAYS = {
    "the background thread, the loop asleep": (0, False),
    "the background thread, the loop standing still": (0.001, False),
    "the caller's own thread": (0.001, True),
}


def _ways_of_a_call(address: str) -> dict[str, float]:
    layer = RedisChannelLayer([address], capacity=PLENTY)
    call = async_to_sync(layer.group_send)
    best = dict.fromkeys(_WAYS, 0.0)
    for _ in range(2 * _ROUNDS):
        for way, (seconds, itself) in _WAYS.items():
            with ExitStack() as stack:
                stack.enter_context(patch.object(replies, "_BRIEFLY", seconds))
                if not itself:
                    stack.enter_context(patch.object(Shortcut, "carry_out", lambda *_: False))
                start = time.perf_counter()
                for _ in range(_CALLS):
                    call("nobody", procedures.MESSAGE)
                best[way] = max(best[way], _CALLS / (time.perf_counter() - start))
    async_to_sync(layer.close)()
    return best


def _heartbeat(address: str, seconds: float) -> list[float | str]:
    alone = _used_in(address, 10)
    side = _side(address, heartbeat=seconds, lease=5 * seconds)
    side.call(procedures.wait_for_ever, ["nothing"])
    before = side.call(procedures.cpu_seconds)
    server, commands = _used_in(address, 20)
    process = (side.call(procedures.cpu_seconds) - before) / 20 * 1000
    side.close()
    return [process, max(0.0, server - alone[0]), max(0.0, commands - alone[1])]


def _used_in(address: str, seconds: float) -> tuple[float, float]:
    """The server's processor, ms/s, and commands/s."""
    before = uses_of([address])[0]
    time.sleep(seconds)
    used = uses_of([address])[0] - before
    return used.cpu / seconds * 1000, used.commands / seconds


if __name__ == "__main__":
    publish(sheets())
