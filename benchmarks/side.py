"""A process of its own that holds one layer and runs procedures on it when told to."""

from __future__ import annotations

import asyncio
import multiprocessing
import traceback
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any

from .subjects import LAYERS

#: Seconds a procedure may take before its case counts as failed: a lost message would hang it.
PATIENCE = 120


class Failed(Exception):
    """A procedure raised in its process, or never ended."""


class Here:
    """What a procedure finds in its process: the layer, and what earlier ones kept."""

    def __init__(self, layer: Any):
        self.layer = layer
        self.kept: dict[str, Any] = {}


class Side:
    """The process, seen from the harness. A procedure is a module-level function.

    It gets a :class:`Here` and its arguments; a coroutine function runs on the process's
    event loop, and with ``plain=True`` a function runs in a main thread that has none.
    """

    def __init__(
        self,
        subject: str,
        servers: Sequence[str],
        *,
        plain: bool = False,
        changes: Mapping[str, Any] = MappingProxyType({}),
    ):
        self.subject = subject
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        serve = serve_plain if plain else serve_loop
        arguments = theirs, subject, servers, dict(changes)
        self._process = context.Process(target=serve, args=arguments, daemon=True)
        self._process.start()
        theirs.close()

    def start(self, procedure: Callable[..., Any], *arguments: Any) -> None:
        """Begin a procedure; fetch what it returns with :meth:`result`."""
        self._pipe.send((procedure, arguments))

    def result(self) -> Any:
        """What the procedure returned; :class:`Failed` if it raised or takes too long."""
        if not self._pipe.poll(PATIENCE):
            raise Failed(f"{self.subject}: no answer within {PATIENCE} s; a message was lost")
        try:
            good, value = self._pipe.recv()
        except EOFError:
            raise Failed(f"{self.subject}: the process ended") from None
        if not good:
            raise Failed(f"{self.subject}: {value}")
        return value

    def busy(self) -> bool:
        """Whether the procedure under way has not ended."""
        return not self._pipe.poll(0)

    def call(self, procedure: Callable[..., Any], *arguments: Any) -> Any:
        """:meth:`start` and :meth:`result`."""
        self.start(procedure, *arguments)
        return self.result()

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.terminate()
        self._process.join()


def serve_plain(
    pipe: Connection, subject: str, servers: Sequence[str], changes: Mapping[str, Any]
) -> None:
    """The life of a process without an event loop."""
    here = Here(LAYERS[subject].make(servers, changes))
    while (task := _next(pipe)) is not None:
        procedure, arguments = task
        try:
            answer = True, procedure(here, *arguments)
        except Exception:
            answer = False, traceback.format_exc()
        pipe.send(answer)


def serve_loop(
    pipe: Connection, subject: str, servers: Sequence[str], changes: Mapping[str, Any]
) -> None:
    """The life of a process with one."""
    asyncio.run(_serve(pipe, subject, servers, changes))


async def _serve(
    pipe: Connection, subject: str, servers: Sequence[str], changes: Mapping[str, Any]
) -> None:
    here = Here(LAYERS[subject].make(servers, changes))
    while (task := await asyncio.to_thread(_next, pipe)) is not None:
        procedure, arguments = task
        try:
            answer = True, await procedure(here, *arguments)
        except Exception:
            answer = False, traceback.format_exc()
        pipe.send(answer)


def _next(pipe: Connection) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    try:
        task: tuple[Callable[..., Any], tuple[Any, ...]] = pipe.recv()
    except EOFError:
        return None
    return task
