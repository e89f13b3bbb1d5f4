"""Layers in other processes: this module's functions start them, its `main` is what they run."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pickle
import subprocess
import sys
from typing import Any

from .harness import Layer

LIMIT = 30
"""Seconds that another process may take to answer."""


def around_fork(recipe: bytes) -> dict[str, Any]:
    """Uses a layer, forks, and uses it in the child and then in the parent."""
    with _start("fork", recipe) as process:
        try:
            output, errors = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
        if process.returncode != 0:
            raise RuntimeError(f"the forking process failed: {errors.decode()}")
        answer: dict[str, Any] = json.loads(output)
        return answer


def killed_member(recipe: bytes, group: str) -> str:
    """The channel with which a process joined `group` before it was killed, while it waited at
    the normal channel of the same name."""
    with _start("join", recipe, group) as process:
        try:
            channel = process.stdout.readline().decode().strip() if process.stdout else ""
        finally:
            process.kill()
        if not channel:
            raise RuntimeError(f"the joining process failed: {process.communicate()[1].decode()}")
        return channel


def _start(task: str, recipe: bytes, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", __name__, task, base64.b64encode(recipe).decode(), *arguments]
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )


def main(task: str, recipe: str, *arguments: str) -> None:
    """Does `task` with the layer that `recipe` makes."""
    # Our own parent pickled this.
    layer_class, config = pickle.loads(base64.b64decode(recipe))
    layer = layer_class(**config)
    if task == "fork":
        _fork(layer)
    else:
        asyncio.run(_join(layer, *arguments))


async def _join(layer: Layer, group: str) -> None:
    channel = await layer.new_channel()
    await layer.group_add(group, channel)
    waiting = asyncio.ensure_future(layer.receive(group))
    # Only the layer knows when the store has heard of who waits.
    await asyncio.sleep(0.5)
    sys.stdout.write(f"{channel}\n")
    sys.stdout.flush()
    # Here it is killed; without its parent it ends by itself.
    await asyncio.wait_for(waiting, LIMIT)


def _fork(layer: Layer) -> None:
    before = asyncio.run(_round_trip(layer, "before"))
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write_end, json.dumps(asyncio.run(_round_trip(layer, "child"))).encode())
        os._exit(0)
    os.close(write_end)
    with os.fdopen(read_end) as answer:
        in_child = json.loads(answer.read() or "{}")
    os.waitpid(child, 0)
    after = asyncio.run(_round_trip(layer, "parent"))
    seen = {"parent": before["channel"], "parent_got": after["got"]}
    seen |= {"child": in_child.get("channel"), "child_got": in_child.get("got")}
    sys.stdout.write(json.dumps(seen))


async def _round_trip(layer: Layer, text: str) -> dict[str, Any]:
    channel = await layer.new_channel()
    await layer.send(channel, {"text": text})
    received = await asyncio.wait_for(layer.receive(channel), LIMIT / 3)
    return {"channel": channel, "got": received["text"]}


if __name__ == "__main__":
    main(*sys.argv[1:])
