"""Helpers of the cases: they hold under `python -O`, and fail in the contract's words."""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, TypeVar

from fairway.errors import ChannelFull

from .harness import Harness, Layer

T = TypeVar("T")

POLL = 0.01


class PromiseBroken(AssertionError):
    """A layer did not keep what the contract promises."""


class TooSlow(PromiseBroken):
    """The promise looks broken, or the machine was too slow to tell: worth another try with
    longer moments."""


class NotApplicable(Exception):
    """There is nothing to check here: something optional isn't installed."""


class Raised:
    """Holds what `expect_raises` caught."""

    error: BaseException


def require(condition: object, sentence: str) -> None:
    """Raises `PromiseBroken(sentence)` unless `condition` is true."""
    if not condition:
        raise PromiseBroken(sentence)


def require_equal(actual: object, expected: object, sentence: str) -> None:
    """Like `require`, and says what was expected and what came."""
    if actual != expected:
        raise PromiseBroken(f"{sentence}: expected {_short(expected)}, got {_short(actual)}")


def _short(value: object, limit: int = 200) -> str:
    text = repr(value)
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


@contextmanager
def expect_raises(
    error: type[BaseException] | tuple[type[BaseException], ...], sentence: str
) -> Iterator[Raised]:
    """Requires that the block raises `error`; any other outcome breaks the promise."""
    raised = Raised()
    try:
        yield raised
    except error as expected:
        raised.error = expected
    except (AttributeError, PromiseBroken):
        # The layer lacks the verb, or the block has its own complaint: the runner says it.
        raise
    except Exception as other:
        raise PromiseBroken(
            f"{sentence}, but {type(other).__name__} was raised: {other}"
        ) from other
    else:
        raise PromiseBroken(f"{sentence}, but nothing was raised")


def channel_full_errors() -> tuple[type[Exception], ...]:
    """What a full channel may raise: Fairway's error, or that of Channels."""
    channels = sys.modules.get("channels.exceptions")
    return (ChannelFull, channels.ChannelFull) if channels else (ChannelFull,)


def fresh(base: str) -> str:
    """A name, for a normal channel or a group, that no earlier case or run has used."""
    return f"{base}-{secrets.token_hex(4)}"


async def both_kinds(layer: Layer) -> tuple[str, str]:
    """A process-specific and a normal channel."""
    return await layer.new_channel(), fresh("work")


async def within(seconds: float, work: Awaitable[T], sentence: str) -> T:
    """The result of `work`, or `PromiseBroken(sentence)` when it takes longer."""
    task = asyncio.ensure_future(work)
    deadline = time.monotonic() + seconds
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
        # What only this timeout woke up is late too.
        require(done and time.monotonic() < deadline, sentence)
        return task.result()
    finally:
        await cancel(task)


async def cancel(task: asyncio.Future[Any]) -> None:
    """Cancels `task` and sees it end; its result, if any, is dropped."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=1)


async def receive(h: Harness, layer: Layer, channel: str) -> Any:
    """The next message of `channel`, which must be there or on its way."""
    sentence = f"a message sent to {channel} never reached its reader"
    return await within(h.patience, layer.receive(channel), sentence)


async def receive_count(h: Harness, layer: Layer, channel: str, count: int) -> list[Any]:
    """The next `count` messages of `channel`."""
    return [await receive(h, layer, channel) for _ in range(count)]


async def nothing_more(h: Harness, layer: Layer, channel: str, sentence: str) -> None:
    """Requires that no message is left on `channel`."""
    task = asyncio.ensure_future(layer.receive(channel))
    try:
        await asyncio.wait({task}, timeout=h.settle)
        if task.done():
            raise PromiseBroken(f"{sentence}: {_short(task.result())} was received")
    finally:
        await cancel(task)


async def eventually(
    h: Harness, condition: Callable[[], Awaitable[object]], sentence: str, seconds: float = 0
) -> None:
    """Requires that `condition` comes true within `seconds` (the harness's patience if 0)."""
    deadline = time.monotonic() + (seconds or h.patience)
    while not await condition():
        require(time.monotonic() < deadline, sentence)
        await asyncio.sleep(POLL)


async def eventually_equal(
    h: Harness, value: Callable[[], Awaitable[object]], expected: object, sentence: str
) -> None:
    """Requires that `value` comes to equal `expected`, and says what it was at the end."""
    seen: list[object] = [None]

    async def equal() -> bool:
        seen[0] = await value()
        return seen[0] == expected

    try:
        await eventually(h, equal, sentence)
    except PromiseBroken:
        require_equal(seen[0], expected, sentence)


async def send_when_room(
    h: Harness, layer: Layer, channel: str, message: Any, why: str = "it was read"
) -> None:
    """Sends, and tries again while the channel is full, which ends because of `why`."""

    async def sent() -> bool:
        try:
            await layer.send(channel, message)
        except channel_full_errors():
            return False
        return True

    await eventually(h, sent, f"{channel} stayed full although {why}")


async def drops(layer: Layer, cause: str = "") -> int:
    """How many messages the layer says it dropped for `cause`, or for any."""
    counted = (await layer.global_statistics())["drops"]
    return int(counted.get(cause, 0) if cause else sum(counted.values()))


async def in_thread(call: Callable[..., T], *arguments: Any) -> T:
    """What `call(*arguments)` returns or raises in a thread of its own, without an event loop."""
    outcome: Future[T] = Future()
    outcome.set_running_or_notify_cancel()

    def run() -> None:
        try:
            outcome.set_result(call(*arguments))
        except BaseException as error:
            outcome.set_exception(error)

    # A daemon, since a broken layer may block it for ever.
    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(outcome)


async def woken_by(
    h: Harness, waiting: asyncio.Future[T], sentence: str, call: Callable[..., Any], *arguments: Any
) -> T:
    """What `waiting` gives after a thread did `call(*arguments)`.

    Nothing but the layer tells this loop of it, so a layer that forgets to wake it is found out.
    """

    def call_while_loop_sleeps() -> None:
        time.sleep(h.settle)
        call(*arguments)

    thread = threading.Thread(target=call_while_loop_sleeps, daemon=True)
    thread.start()
    try:
        return await within(h.patience, waiting, sentence)
    finally:
        await in_thread(thread.join, h.patience)


class _Recorder(logging.Handler):
    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


@contextmanager
def clean_log(sentence: str) -> Iterator[None]:
    """Requires that nothing logs an error meanwhile, abandoned tasks included."""
    handler = _Recorder(logging.ERROR)
    root = logging.getLogger()
    # An exception that nobody retrieved is logged when its task is collected.
    gc.collect()
    root.addHandler(handler)
    try:
        yield
        gc.collect()
    finally:
        root.removeHandler(handler)
    require(not handler.messages, f"{sentence}: {'; '.join(handler.messages)}")
