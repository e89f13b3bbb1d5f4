"""Nodes as the model drives them: in this process by any of its faces, or in a child process."""

from __future__ import annotations

import asyncio
import json
import os
import select
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from fairway.errors import ChannelFull
from fairway.layer import ChannelLayer

#: Seconds that anything may take which must happen: the machine may be busy.
PATIENCE = float(os.environ.get("FAIRWAY_MODEL_PATIENCE", "30"))

#: How a call is made: in one of two loops that stay, in one that comes and goes, or in none.
FACES = ("loop 0", "loop 1", "passing loop", "blocking")


class Loops:
    """Two event loops that stay, each in a thread of its own. A context manager."""

    def __init__(self) -> None:
        self.loops = [asyncio.new_event_loop() for _ in range(2)]
        self._threads = [threading.Thread(target=loop.run_forever) for loop in self.loops]

    def __enter__(self) -> Loops:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        for loop, thread in zip(self.loops, self._threads, strict=True):
            self.run(self.loops.index(loop), loop.shutdown_asyncgens())
            loop.call_soon_threadsafe(loop.stop)
            thread.join(PATIENCE)
            loop.close()

    def run(self, index: int, call: Coroutine[Any, Any, Any]) -> Any:
        """Carry out a coroutine in one of the loops."""
        return asyncio.run_coroutine_threadsafe(_within(call), self.loops[index]).result()


async def _within(call: Coroutine[Any, Any, Any]) -> Any:
    return await asyncio.wait_for(call, PATIENCE)


def _in_thread(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """Call it in a thread of its own, which must return in time."""
    outcome: Future[Any] = Future()

    def run() -> None:
        try:
            outcome.set_result(call(*arguments, **options))
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome.result(PATIENCE)


class LocalNode:
    """A layer object of this process."""

    is_local = True

    def __init__(self, layer: ChannelLayer, loops: Loops):
        self.layer = layer
        self.channels: list[str] = []
        self._loops = loops

    @property
    def id(self) -> str:
        return self.layer.node

    def call(self, face: str, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the layer, and wait for it."""
        if face == "blocking" and hasattr(self.layer.blocking, name):
            if name == "receive_many":
                options["block"] = True
            return _in_thread(getattr(self.layer.blocking, name), *arguments, **options)
        call = getattr(self.layer, name)(*arguments, **options)
        if face == "passing loop":
            return asyncio.run(_within(call))
        return self._loops.run(FACES.index(face) % 2, call)


class Waiter:
    """A receive under way in one of the loops that stay; with ``timeout`` it ends by itself."""

    def __init__(
        self,
        node: LocalNode,
        channels: Sequence[str],
        loops: Loops,
        loop: int,
        timeout: float | None,
        clock: Callable[[], float],
    ):
        self.node = node
        self.channels = channels
        self.loop = loop
        self.began = clock()
        self.ended = self.began
        #: Whether nobody else receives from its channels meanwhile.
        self.alone = True
        self._clock = clock
        self.task: asyncio.Task[Any] = loops.run(loop, self._start(timeout))

    async def _start(self, timeout: float | None) -> asyncio.Task[Any]:
        layer = self.node.layer
        if len(self.channels) == 1 and timeout is None:
            call = self._named(layer.receive(self.channels[0]))
        else:
            call = layer.receive_many(self.channels, timeout=timeout)
        task = asyncio.ensure_future(call)
        task.add_done_callback(self._note_end)
        await asyncio.sleep(0)
        return task

    async def _named(self, call: Coroutine[Any, Any, Any]) -> tuple[str, Any]:
        return self.channels[0], await call

    def _note_end(self, task: asyncio.Task[Any]) -> None:
        self.ended = self._clock()

    @property
    def done(self) -> bool:
        return self.task.done()


async def send_and_cancel(
    sends: Sequence[Coroutine[Any, Any, Any]], waiters: Sequence[Waiter], turns: int
) -> list[Any]:
    """Send, and ``turns`` turns of the loop later cancel those who wait: what came of the sends."""
    sending = [asyncio.ensure_future(send) for send in sends]
    for _ in range(turns):
        await asyncio.sleep(0)
    for waiter in waiters:
        waiter.task.cancel()
    if waiters:
        await asyncio.wait([waiter.task for waiter in waiters])
    return await asyncio.gather(*sending, return_exceptions=True)


class RemoteNode:
    """A layer object in a child process, which can be killed."""

    is_local = False

    def __init__(self, process: subprocess.Popen[bytes], layer: str, config: dict[str, Any]):
        self._process = process
        self.channels: list[str] = []
        self.id: str = self.call("", "open", layer, config)

    def call(self, face: str, name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the layer there, and wait for it."""
        self.tell(name, *arguments, **options)
        pipe = self._process.stdout
        assert pipe is not None
        ready, _, _ = select.select([pipe], [], [], 2 * PATIENCE)
        assert ready, f"the child process does not answer to {name}{arguments}"
        answer = json.loads(pipe.readline() or '{"error": "it ended"}')
        if answer.get("error", "").startswith("ChannelFull"):
            raise ChannelFull(answer["error"])
        assert "error" not in answer, answer["error"]
        return answer["result"]

    def tell(self, name: str, *arguments: Any, **options: Any) -> None:
        """Have a method called there; nobody waits."""
        pipe = self._process.stdin
        assert pipe is not None
        pipe.write(json.dumps([name, arguments, options]).encode() + b"\n")
        pipe.flush()

    def kill(self) -> None:
        """kill -9."""
        end(self._process)


def start_child() -> subprocess.Popen[bytes]:
    """A process that waits to become a node."""
    program = Path(__file__).with_name("model_child.py")
    return subprocess.Popen(
        [sys.executable, str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill a child process and let go of its pipes."""
    process.kill()
    process.wait(PATIENCE)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
