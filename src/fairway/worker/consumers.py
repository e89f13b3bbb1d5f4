"""Runs plain consumers for the messages that come to this worker."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import inspect
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ..routing.current import collect_begun
from ..routing.message import Message as ConsumerMessage
from ..routing.routes import Consumer, Match, Router
from ..server.protocol import HTTP_EVENTS, WEBSOCKET_EVENTS
from ..types import Message
from .bodies import BodyTooLarge, complete_body
from .host import Host, Job
from .receipt import Receipt
from .session import Ground

logger = logging.getLogger("fairway.worker")

_TEXT = [[b"content-type", b"text/plain; charset=utf-8"]]

#: Makes what a sync consumer runs within, in its thread.
Around = Callable[[], AbstractContextManager[object]]


class ConsumerHost(Host):
    """Sync consumers run in threads, async ones on the loop.

    It takes all events of a protocol that it has a route for, so that none is left
    lying in a channel that nobody reads. ``max_body``: bytes of a request's body.
    ``around_sync``: what each sync consumer runs within.
    """

    def __init__(
        self,
        ground: Ground,
        router: Router,
        *,
        threads: int,
        max_body: int,
        around_sync: Around = nullcontext,
    ):
        self._ground = ground
        self._router = router
        self._threads = threads
        self._max_body = max_body
        self._around_sync = around_sync
        self.channels = _with_siblings(router.channels)

    async def start(self) -> None:
        self._executor = ThreadPoolExecutor(self._threads, thread_name_prefix="fairway-consumer")

    async def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    def pools(self, channel: str) -> Sequence[str]:
        return sorted({_pool_of(each) for each in self._router.consumers(channel)} | {"tasks"})

    def job(self, channel: str, message: Message) -> Job:
        match = self._router.match(channel, message)
        receipt = Receipt(self._ground, channel, message)
        if match is None:
            return Job("tasks", self._unrouted(channel, message, receipt))
        return Job(_pool_of(match.consumer), self._run(match, channel, message, receipt))

    def has_route(self, channel: str, message: Message) -> bool:
        """Whether a consumer would take this message."""
        return self._router.match(channel, message) is not None

    async def stop(self) -> None:
        """Consumers end by themselves."""

    # -- a message with a consumer ----------------------------------------------------

    async def _run(self, match: Match, channel: str, content: Message, receipt: Receipt) -> None:
        message = ConsumerMessage(channel, content, layer=self._ground.layer)
        receipt.start()
        try:
            if channel != "http.request" or await self._has_body(content):
                await self._call(match, message)
        except BodyTooLarge:
            outcome = _response(413, f"The body is larger than {self._max_body} bytes.")
        except Exception:
            consumer = _name(match.consumer)
            logger.exception("%s raised for a message in %s%s", consumer, channel, _at(content))
            outcome = receipt.failed
        except asyncio.CancelledError:  # the worker stops, and this took too long
            await receipt.say(receipt.failed)
            raise
        else:
            outcome = receipt.done
        finally:
            receipt.stop()
        if not message.is_answered:
            await receipt.say(outcome)

    async def _has_body(self, content: Message) -> bool:
        return await complete_body(self._ground, content, self._max_body)

    async def _call(self, match: Match, message: ConsumerMessage) -> None:
        begun = collect_begun()
        call = functools.partial(match.consumer, message, **match.arguments)
        if _is_async(match.consumer):
            result = call()
        else:
            context = contextvars.copy_context()
            loop = asyncio.get_running_loop()
            run = functools.partial(context.run, self._run_sync, call)
            result = await loop.run_in_executor(self._executor, run)
        if inspect.isawaitable(result):
            await result
        if begun:
            await asyncio.gather(*begun)

    def _run_sync(self, call: Callable[[], Any]) -> Any:
        with self._around_sync():
            return call()

    # -- a message without one --------------------------------------------------------

    async def _unrouted(self, channel: str, message: Message, receipt: Receipt) -> None:
        if channel == "http.request":
            logger.warning("no route for %s %s", message["method"], message["path"])
            await receipt.say(_response(404, f"No route for {message['path']}"))
        elif channel == "websocket.connect":
            await self._answer_connect(message, receipt)
        elif channel not in ("http.disconnect", "websocket.disconnect"):
            logger.warning("no route for a message in %s%s", channel, _at(message))
            await receipt.say(receipt.done)

    async def _answer_connect(self, message: Message, receipt: Receipt) -> None:
        """A socket without a `connect` consumer is welcome where one takes its frames."""
        if self._router.match("websocket.receive", message):
            await receipt.say(receipt.done)
        else:
            logger.warning("no route for a WebSocket at %s", message["path"])
            await receipt.say({"close": True})


def _with_siblings(channels: Sequence[str]) -> list[str]:
    families = [HTTP_EVENTS, WEBSOCKET_EVENTS]
    served = [family for family in families if any(channel in family for channel in channels)]
    return list(dict.fromkeys([*channels, *(event for family in served for event in family)]))


def _response(status: int, text: str) -> Message:
    return {"status": status, "headers": _TEXT, "content": text.encode()}


def _pool_of(consumer: Consumer) -> str:
    return "tasks" if _is_async(consumer) else "threads"


def _is_async(consumer: Any) -> bool:
    while isinstance(consumer, functools.partial):
        consumer = consumer.func
    return inspect.iscoroutinefunction(consumer) or inspect.iscoroutinefunction(
        getattr(consumer, "__call__", None)  # noqa: B004
    )


def _name(consumer: Any) -> str:
    return getattr(consumer, "__qualname__", None) or repr(consumer)


def _at(message: Message) -> str:
    return f" at {message['path']}" if "path" in message else ""
