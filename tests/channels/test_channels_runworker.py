"""Channels' own `manage.py runworker`, as a process, on each backend that reaches it."""

import asyncio
import secrets
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from channels_support import PATIENCE, PROJECT, Backend, Process, finished, know
from django.utils.module_loading import import_string

WORKER = ["manage.py", "runworker", "sum", "async-sum"]


@pytest.fixture
def site(cross_process: Backend) -> Backend:
    """What a worker that was killed had taken comes back within the length of a test."""
    config = {**cross_process.layer["CONFIG"], "heartbeat": 0.5, "lease": 3}
    return replace(cross_process, layer={**cross_process.layer, "CONFIG": config})


@pytest.fixture
def layer(site: Backend) -> Iterator[Any]:
    """A layer of the site in this process, which is none of its workers."""
    know(site)
    layer = import_string(site.layer["BACKEND"])(**site.layer["CONFIG"])
    yield layer
    asyncio.run(layer.close())


def worker(backend: Backend, folder: Path) -> Process:
    log = folder / f"worker-{secrets.token_hex(4)}.log"
    return Process(*WORKER, cwd=PROJECT, env=backend.environment(folder), log=log)


async def ask(layer: Any, *numbers: int) -> None:
    """Both consumers, and each of them answers in its own way."""
    channel, group = await layer.new_channel(), f"group-{secrets.token_hex(4)}"
    await layer.group_add(group, channel)
    question = {"type": "sum.up", "numbers": list(numbers), "group": group, "channel": channel}
    for name in ("sum", "async-sum"):
        await layer.send(name, question)
    for _ in range(2):
        receiving = asyncio.wait_for(layer.receive(channel), PATIENCE)
        assert await receiving == {"type": "sum", "sum": sum(numbers)}


@pytest.mark.patience(240)
async def test_named_channels_reach_its_consumers(layer: Any, site: Backend, folder: Path) -> None:
    with worker(site, folder) as process:
        for number in range(20):
            await ask(layer, number, 2 * number)
        assert "Traceback" not in process.said()


@pytest.mark.patience(240)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_worker_is_replaced(
    layer: Any, site: Backend, folder: Path, number: signal.Signals
) -> None:
    """A signal ends it, whatever is sent meanwhile, and the next one answers that."""
    with worker(site, folder) as process:
        await ask(layer, 1, 2)
        process.send(number)
        assert process.exit_code() in (0, -number), process.said()
        assert "Traceback" not in process.said()
    asking = asyncio.ensure_future(ask(layer, 3, 4))
    with worker(site, folder):
        await asking


@pytest.mark.patience(240)
async def test_two_workers_share_the_work(layer: Any, site: Backend, folder: Path) -> None:
    channel = await layer.new_channel()
    with worker(site, folder), worker(site, folder):
        for number in range(50):
            question = {"type": "sum.up", "numbers": [number], "channel": channel}
            await layer.send("async-sum", question)
        receiving = [asyncio.wait_for(layer.receive(channel), PATIENCE) for _ in range(50)]
        sums = [(await each)["sum"] for each in receiving]
        assert sorted(sums) == list(range(50))  # each once


def test_another_alias(site: Backend, folder: Path) -> None:
    """`--layer` names an alias; one that isn't there is said."""
    with pytest.raises(AssertionError, match="CHANNEL_LAYERS"):
        finished(*WORKER, "--layer", "third", cwd=PROJECT, env=site.environment(folder))
