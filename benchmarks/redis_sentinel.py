"""A master, a replica and three sentinels that watch them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import redis

from .redis_server import PATIENCE, RedisServer

MASTER = "fairway"


class SentinelServer(RedisServer):
    """A sentinel that watches ``master``."""

    def __init__(self, master: RedisServer):
        super().__init__()
        self._config = self.folder / "sentinel.conf"
        self._config.write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\nlogfile {self.folder}/log\n"
            f"sentinel monitor {MASTER} 127.0.0.1 {master.port} 2\n"
            f"sentinel down-after-milliseconds {MASTER} 500\n"
            f"sentinel failover-timeout {MASTER} 5000\n"
        )

    def command(self) -> list[str]:
        """The command line."""
        return [self.program, str(self._config), "--sentinel"]


class Watched:
    """Two servers, of which one is the master, and their sentinels."""

    def __init__(self, servers: list[RedisServer], sentinels: list[RedisServer]):
        self.servers = servers
        self.sentinels = sentinels

    @property
    def host(self) -> dict[str, object]:
        """The entry of ``hosts`` for them."""
        addresses = [("127.0.0.1", sentinel.port) for sentinel in self.sentinels]
        return {"sentinels": addresses, "master_name": MASTER}

    @property
    def master(self) -> RedisServer:
        """Whom the first sentinel takes for the master."""
        port = self._named_by(self.sentinels[0])
        return next(server for server in self.servers if server.port == port)

    def agree(self) -> bool:
        """Whether all sentinels name the same master; they hear of a change from one another."""
        return len({self._named_by(sentinel) for sentinel in self.sentinels}) == 1

    def fail_over(self, *, crash: bool) -> float:
        """Have the replica take over; the monotonic time at which it had.

        A former master that lives goes on as one until the sentinels demote it, some seconds
        later; what is stored there meanwhile is lost.
        """
        former = self.master
        if crash:
            former.kill()
        else:
            self.sentinels[0].admin.execute_command("SENTINEL", "FAILOVER", MASTER)
        deadline = time.monotonic() + PATIENCE
        while self._is_master(former, crash) or not self._is_master(self.master, False):
            if time.monotonic() > deadline:
                raise RuntimeError("the sentinels chose no new master")
            time.sleep(0.02)
        return time.monotonic()

    def hand_over(self) -> tuple[RedisServer, float]:
        """Have the replica take over from a master that lives.

        The former master, which does not know of it for some seconds more, and the monotonic
        time at which the first sentinel named the new one.
        """
        former = self.master
        self.sentinels[0].admin.execute_command("SENTINEL", "FAILOVER", MASTER)
        deadline = time.monotonic() + PATIENCE
        while self.master is former:
            if time.monotonic() > deadline:
                raise RuntimeError("the sentinels chose no new master")
            time.sleep(0.02)
        return former, time.monotonic()

    def _named_by(self, sentinel: RedisServer) -> int:
        _, port = sentinel.admin.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        return int(port)

    def _is_master(self, server: RedisServer, crashed: bool) -> bool:
        if crashed:
            return self.master is server
        try:
            return bool(server.admin.info("replication")["role"] == "master")
        except redis.exceptions.ConnectionError:  # while it is demoted it drops its clients
            return True


@contextmanager
def watched() -> Iterator[Watched]:
    """Started, and settled: every sentinel knows of all."""
    with ExitStack() as stack:
        master = stack.enter_context(RedisServer())
        replica = stack.enter_context(
            RedisServer(
                "--replicaof", "127.0.0.1", str(master.port), "--repl-diskless-sync-delay", "0"
            )
        )
        sentinels = [stack.enter_context(SentinelServer(master)) for _ in range(3)]
        deadline = time.monotonic() + PATIENCE
        while not all(_knows_all(sentinel.admin) for sentinel in sentinels):
            if time.monotonic() > deadline:
                raise RuntimeError("the sentinels did not find each other")
            time.sleep(0.05)
        yield Watched([master, replica], list(sentinels))


def _knows_all(sentinel: redis.Redis) -> bool:
    state = sentinel.execute_command("SENTINEL", "MASTER", MASTER)
    known = dict(zip(state[::2], state[1::2], strict=True)) if isinstance(state, list) else state
    counts = {str(_text(name)): _text(value) for name, value in known.items()}
    replicas = int(counts.get("num-slaves", 0))
    return replicas == 1 and int(counts.get("num-other-sentinels", 0)) == 2


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
