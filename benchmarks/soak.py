"""Faults at random, for as long as you like, with every message in a ledger.

    python -m benchmarks.soak --minutes 10 --seed 7

Two real servers that keep their data, three layers, messages to process-specific and normal
channels and to a group. Every few seconds something breaks; after each, service must be
back in time. At the end nothing may have come twice or out of order, and nothing may be
missing that no sender was told of and no counter counts. The exit status says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from random import Random

import click

from fairway.redis import RedisChannelLayer

from .ledger import Ledger
from .redis_server import RedisServer
from .traffic import Traffic

#: Seconds within which every channel must have been reached again after a fault. The promise
#: is two; a machine that runs all this besides is slower.
BACK_WITHIN = 10.0
#: Seconds between two faults, at the most.
CALM = 4.0

Fault = Callable[[list[RedisServer], Random], Awaitable[None]]


async def cut_connections(servers: list[RedisServer], dice: Random) -> None:
    """CLIENT KILL of all connections, a few times."""
    for _ in range(dice.randint(1, 10)):
        dice.choice(servers).cut_connections()
        await asyncio.sleep(0.2 * dice.random())


async def kill_and_restart(servers: list[RedisServer], dice: Random) -> None:
    """kill -9, and back with the data."""
    server = dice.choice(servers)
    server.kill()
    await asyncio.sleep(2 * dice.random())
    await asyncio.to_thread(server.start)


async def freeze(servers: list[RedisServer], dice: Random) -> None:
    """SIGSTOP, and SIGCONT up to three seconds later."""
    server = dice.choice(servers)
    server.pause()
    await asyncio.sleep(3 * dice.random())
    server.resume()


async def forget_scripts(servers: list[RedisServer], dice: Random) -> None:
    """SCRIPT FLUSH."""
    await asyncio.to_thread(dice.choice(servers).admin.script_flush)


async def fill_memory(servers: list[RedisServer], dice: Random) -> None:
    """maxmemory reached, and memory again a second later."""
    admin = dice.choice(servers).admin
    await asyncio.to_thread(admin.config_set, "maxmemory", 1)
    await asyncio.sleep(dice.random())
    await asyncio.to_thread(admin.config_set, "maxmemory", 0)


FAULTS: list[Fault] = [cut_connections, kill_and_restart, freeze, forget_scripts, fill_memory]


class Soak:
    """Traffic, faults, and what became of both."""

    def __init__(self, servers: list[RedisServer], dice: Random):
        self._servers = servers
        self._dice = dice
        self.ledger = Ledger()
        self.faults: Counter[str] = Counter()
        self.slowest = 0.0

    async def run(self, seconds: float) -> int:
        """Make faults for so long; the number of messages that nobody accounts for."""
        hosts = [server.url for server in self._servers]
        layers = [RedisChannelLayer(hosts, heartbeat=0.2, lease=2.0) for _ in range(3)]
        traffic = Traffic(self.ledger, layers[0], layers[1:], self._dice)
        try:
            await traffic.start()
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                await self._one_fault(traffic)
            await traffic.stop_sending()
            await traffic.settle()
            await traffic.stop()
            self.ledger.check()
            figures = await layers[0].global_statistics()
            return max(0, len(self.ledger.missing()) - sum(figures["drops"].values()))
        finally:
            await asyncio.gather(*[layer.close() for layer in layers])

    async def _one_fault(self, traffic: Traffic) -> None:
        await asyncio.sleep(CALM * self._dice.random())
        fault = self._dice.choice(FAULTS)
        await fault(self._servers, self._dice)
        started = time.monotonic()
        await self._back(traffic)
        took = time.monotonic() - started
        self.slowest = max(self.slowest, took)
        self.faults[fault.__name__] += 1
        click.echo(
            f"{fault.__name__:<18} back after {took:5.2f} s   {len(self.ledger):>9,} messages"
        )

    async def _back(self, traffic: Traffic) -> None:
        """Return when every channel was reached by something sent from now on."""
        first = len(self.ledger)
        wanted = {*traffic.specific, traffic.normal}
        ends = time.monotonic() + BACK_WITHIN
        while not wanted <= self.ledger.reached(first):
            if time.monotonic() > ends:
                lost = ", ".join(sorted(wanted - self.ledger.reached(first)))
                raise click.ClickException(f"not reached {BACK_WITHIN:g} s after a fault: {lost}")
            await asyncio.sleep(0.01)


@click.command(help=__doc__)
@click.option("--minutes", type=click.FloatRange(min=0.01), default=10.0, show_default=True)
@click.option("--seed", type=int, help="Repeat the faults of a former run.")
def main(minutes: float, seed: int | None) -> None:
    """Run the soak and print what came of it."""
    seed = secrets.randbits(32) if seed is None else seed
    click.echo(f"seed {seed}, {minutes:g} minutes")
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(RedisServer(persistent=True)) for _ in range(2)]
        soak = Soak(servers, Random(seed))
        unaccounted = asyncio.run(soak.run(60 * minutes))
    for fault, number in sorted(soak.faults.items()):
        click.echo(f"{fault:<18} {number:>6}")
    for fate, number in sorted(soak.ledger.fates().items()):
        click.echo(f"messages {fate:<18} {number:>9,}")
    click.echo(f"slowest return to service: {soak.slowest:.2f} s")
    click.echo(f"twice or out of order: 0; missing and not counted: {unaccounted}")
    if unaccounted:
        raise click.ClickException(f"{unaccounted} messages vanished in silence; seed {seed}")


if __name__ == "__main__":
    main()
