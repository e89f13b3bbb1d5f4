"""The stores that the model runs on, and how each differs in what it promises exactly."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import threading
import time
from importlib import import_module
from typing import Any

from benchmarks.redis_server import RedisServer
from model_nodes import end, start_child

from fairway.core.capacity import Capacities
from fairway.layer import ChannelLayer
from fairway.memory import InMemoryChannelLayer, MemoryStore

#: Seconds by which a store may be late with what is due at a time; more, where all is late.
MARGIN = 1.0
#: Seconds of lateness after which a node may have been taken for dead.
TOO_LATE = 0.7


class Lateness:
    """How late a thread of this process was woken, at the worst: a machine may be busy."""

    def __init__(self) -> None:
        self.worst = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        before = time.monotonic()
        while not self._ended.wait(0.05):
            now = time.monotonic()
            self.worst, before = max(self.worst, now - before - 0.05), now

    def end(self) -> None:
        self._ended.set()
        self._thread.join()


class Backend:
    """A store, its layers, and the time it goes by."""

    #: The class of its layers.
    layer_class = ""
    #: Whether readers of several nodes get a normal channel's messages in order.
    ordered = False
    #: Whether a full process-specific channel refuses the very next message.
    exact = True
    #: Whether other processes reach it.
    has_children = True
    #: For ``expiry`` and ``group_expiry``: one that matters within a test, and one that doesn't.
    short = 1.5
    #: Whether it takes real time to let time pass.
    slow = True

    def __init__(self) -> None:
        self._lateness = Lateness()
        self._names = itertools.count()
        #: What happened in the last example that failed.
        self.failure: list[str] = []
        self._spare: subprocess.Popen[bytes] | None = None

    def begin(self, **bounds: Any) -> None:
        """Forget all that was stored; the layers made from now on have these bounds."""
        self.bounds = bounds
        self._lateness.worst = 0.0

    @property
    def margin(self) -> float:
        """By how much the store may be early or late."""
        return MARGIN + 2 * self._lateness.worst

    @property
    def was_late(self) -> bool:
        """Whether the machine was too busy for anything to be said."""
        return self._lateness.worst > TOO_LATE

    def config(self) -> dict[str, Any]:
        """The configuration of the layers."""
        return dict(self.bounds)

    def make(self) -> ChannelLayer:
        """Another node."""
        module, _, name = self.layer_class.rpartition(".")
        layer: ChannelLayer = getattr(import_module(module), name)(**self.config())
        return layer

    def now(self) -> float:
        """Seconds on the test's clock."""
        return time.monotonic()

    def let_pass(self, seconds: float) -> None:
        """Let time pass."""
        time.sleep(seconds)

    def child(self) -> subprocess.Popen[bytes]:
        """A child process that has started up; the next one starts meanwhile."""
        found = self._spare or start_child()
        self._spare = start_child()
        return found

    def close(self) -> None:
        """Leave nothing behind."""
        self._lateness.end()
        if self._spare is not None:
            end(self._spare)


class Memory(Backend):
    """Its clock is the test's, so that expiry is exact and takes no time."""

    ordered = True
    has_children = False
    margin = 0.0
    was_late = False
    short = 60.0
    slow = False

    def __init__(self) -> None:
        super().__init__()
        self._time = 1000.0

    def begin(self, **bounds: Any) -> None:
        super().begin(**bounds)
        capacities = Capacities(bounds["capacity"], bounds["channel_capacity"])
        self._store = MemoryStore(
            expiry=bounds["expiry"], group_expiry=bounds["group_expiry"],
            capacities=capacities, clock=self.now,
        )  # fmt: skip

    def make(self) -> ChannelLayer:
        return InMemoryChannelLayer(**self.config(), store=self._store)

    def now(self) -> float:
        return self._time

    def let_pass(self, seconds: float) -> None:
        self._time += seconds


class Redis(Backend):
    """One server or several."""

    layer_class = "fairway.redis.RedisChannelLayer"

    def __init__(self, servers: list[RedisServer]):
        super().__init__()
        self._servers = servers

    def begin(self, **bounds: Any) -> None:
        super().begin(**bounds)
        for server in self._servers:
            server.admin.flushall()
        self._prefix = f"model{next(self._names)}"

    def config(self) -> dict[str, Any]:
        return {
            "hosts": [server.url for server in self._servers], "prefix": self._prefix,
            **self.bounds,
        }  # fmt: skip


class Database(Backend):
    """An alias of Django's ``DATABASES``."""

    layer_class = "fairway.database.DatabaseChannelLayer"
    exact = False

    def __init__(self, alias: str):
        super().__init__()
        self._alias = alias

    def begin(self, **bounds: Any) -> None:
        super().begin(**bounds)
        self._wipe()

    def _wipe(self) -> None:
        layer = self.make()
        layer.blocking.flush()
        layer.store.run(layer.close())

    def config(self) -> dict[str, Any]:
        return {"alias": self._alias, "prefix": "model", **self.bounds}


def know_database(alias: str, settings: dict[str, Any]) -> None:
    """Make an alias known, here and in child processes."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.django_settings"
    known = json.loads(os.environ.get("FAIRWAY_DATABASES", "{}"))
    os.environ["FAIRWAY_DATABASES"] = json.dumps({**known, alias: settings})
    from django.db import connections

    complete = connections.configure_settings({"default": {}, alias: dict(settings)})
    connections.settings[alias] = complete[alias]
