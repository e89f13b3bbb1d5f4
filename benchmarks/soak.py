"""Faults at random, for as long as you like, with every message in a ledger.

Two real servers that keep their data, three layers, messages to process-specific and normal
channels and to a group, receives that are cancelled at random. Every few seconds something
breaks; after each fault service must be back in time, and nothing may have come twice, out
of order or after its sender heard that it was not stored. At the end nothing may be missing
that no sender was told of and no counter counts, and no connection, task or thread may be
left. The exit status says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from random import Random

import click

from fairway.redis import RedisChannelLayer

from .complaints import complaints_of
from .ledger import Ledger
from .redis_server import RedisServer
from .soak_faults import FAULTS, Fault, Scene
from .traffic import Traffic

#: Seconds within which every channel must have been reached again after a fault. The promise
#: is two; a machine that runs all this besides is slower.
BACK_WITHIN = 6.0
#: Seconds between two faults, at the most.
CALM = 3.0
#: Seconds for what the end takes.
PATIENCE = 30.0


class Soak:
    """Traffic, faults, and what became of both."""

    def __init__(self, servers: list[RedisServer], dice: Random):
        self._servers = servers
        self._dice = dice
        self.ledger = Ledger()
        #: How long service took to be back, by fault.
        self.returns: dict[str, list[float]] = defaultdict(list)
        self.excused = 0
        self.drops: dict[str, int] = {}
        self.kills = 0

    async def run(self, seconds: float) -> None:
        """Make faults for so long. Raises :class:`click.ClickException` at a broken promise."""
        config = {"hosts": [s.url for s in self._servers], "heartbeat": 0.2, "lease": 1.5}
        layers = [RedisChannelLayer(**config) for _ in range(3)]  # type: ignore[arg-type]
        traffic = Traffic(self.ledger, layers[0], layers[1:], self._dice, impatience=0.1)
        scene = Scene(self._servers, config, traffic, self.ledger, self._dice)
        try:
            await traffic.start()
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                await self._one_fault(scene)
            await traffic.stop_sending()
            await traffic.settle()
            await traffic.stop()
            await self._read_drops(layers[0])
            self.kills = scene.kills
        finally:
            await asyncio.gather(*[layer.close() for layer in layers])

    @property
    def unaccounted(self) -> int:
        """Messages that vanished in silence."""
        # Of each process that was killed, one message may have been received and not said.
        return max(0, len(self.ledger.missing()) - sum(self.drops.values()) - self.kills)

    async def _one_fault(self, scene: Scene) -> None:
        await asyncio.sleep(CALM * self._dice.random())
        fault = self._dice.choice(FAULTS)
        if fault.loses_data:
            await self._read_drops(scene.traffic.sender)  # they go with the data
        await fault.do(scene)
        took = await self._back(scene.traffic, fault)
        self.returns[fault.name].append(took)
        if fault.loses_data:
            self.excused += self.ledger.excuse(before=len(self.ledger))
            self.drops = {}
        click.echo(
            f"{fault.name:<28} back after {took:5.2f} s {len(self.ledger):>11,} sent,"
            f" {len(self.ledger.missing()):>5} under way"
        )
        if self.ledger.faults:
            raise click.ClickException("; ".join(self.ledger.faults[:5]))

    async def _back(self, traffic: Traffic, fault: Fault) -> float:
        """Seconds until every channel was reached by something sent from now on."""
        first, started = len(self.ledger), time.monotonic()
        while missing := _not_reached(traffic, first):
            if time.monotonic() > started + BACK_WITHIN:
                raise click.ClickException(
                    f"{BACK_WITHIN:g} s after {fault.name}, not reached: {', '.join(missing)}"
                )
            await asyncio.sleep(0.01)
        return time.monotonic() - started

    async def _read_drops(self, layer: RedisChannelLayer) -> None:
        self.drops = (await layer.global_statistics())["drops"]


def _not_reached(traffic: Traffic, first: int) -> list[str]:
    by_group = [f"{channel} by its group" for channel in traffic.not_reached_by_group(first)]
    return sorted([*traffic.not_reached(first), *by_group])


def require_nothing_left(servers: list[RedisServer]) -> None:
    """No connection and no thread of a layer that was closed."""
    _wait(lambda: not any(server.connections() for server in servers), "connections are left")
    names = [thread.name for thread in threading.enumerate()]
    _wait(lambda: not any(name.startswith("fairway") for name in names), f"threads: {names}")


def _wait(condition: Callable[[], bool], else_: str) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > ends:
            raise click.ClickException(else_)
        time.sleep(0.05)


@click.command(help=__doc__)
@click.option("--minutes", type=click.FloatRange(min=0.01), default=10.0, show_default=True)
@click.option("--seed", type=int, help="Repeat the faults of a former run.")
def main(minutes: float, seed: int | None) -> None:
    """Run the soak and print what came of it."""
    seed = secrets.randbits(32) if seed is None else seed
    click.echo(f"seed {seed}, {minutes:g} minutes")
    with contextlib.ExitStack() as stack:
        complaints = stack.enter_context(complaints_of([""]))
        servers = [stack.enter_context(RedisServer(persistent=True)) for _ in range(2)]
        soak = Soak(servers, Random(seed))
        try:
            asyncio.run(soak.run(60 * minutes))
            require_nothing_left(servers)
        finally:
            show(soak, complaints.heard)
    if soak.unaccounted or complaints.heard:
        raise click.ClickException(f"a promise was broken; seed {seed}")


def show(soak: Soak, complaints: list[str]) -> None:
    """The table at the end."""
    click.echo(f"\n{'fault':<28} {'times':>6} {'slowest return':>16}")
    for fault, took in sorted(soak.returns.items()):
        click.echo(f"{fault:<28} {len(took):>6} {max(took):>14.2f} s")
    click.echo()
    for fate, number in sorted(soak.ledger.fates().items()):
        click.echo(f"{'messages ' + fate:<28} {number:>11,}")
    click.echo(f"{'received':<28} {soak.ledger.arrivals():>11,}")
    click.echo(f"{'lost with the data of a store':<28} {soak.excused:>10,}")
    for cause, number in sorted(soak.drops.items()):
        click.echo(f"{'dropped: ' + cause:<28} {number:>11,}")
    click.echo(f"{'twice, or out of order':<28} {len(soak.ledger.faults):>11,}")
    click.echo(f"{'missing and not counted':<28} {soak.unaccounted:>11,}")
    click.echo(f"{'errors that nobody caught':<28} {len(complaints):>11,}")
    for complaint in complaints[:5]:
        click.echo(complaint)


if __name__ == "__main__":
    main()
