"""A harness for any layer class and its configuration."""

from __future__ import annotations

import asyncio
import os
import pickle
import secrets
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from . import elsewhere
from .checks import in_thread
from .harness import Layer

T = TypeVar("T")

# What a case counts on unless it asks for something else, whatever the configuration says.
BOUNDS = {"expiry": 60, "group_expiry": 86400, "capacity": 100, "channel_capacity": None}

# In-process layers without a `store` to share: each object is a world of its own.
SINGLE_NODE = {"channels.layers.InMemoryChannelLayer"}


class LayerHarness:
    """Builds layers as `layer_class(**config)`, save for the bounds, which each case chooses.

    The store that `config` names is emptied between cases: never name one in use. A second node
    is a new layer of the same `config`, or, for a layer whose `cross_process` is False,
    `layer_class(**config, store=layer.store)`. Subclasses may add to `can` what they can do, and
    override the method that does it.

    `run` starts an event loop (`uvloop.run`, for instance); the other arguments are described
    at `Harness`.
    """

    def __init__(
        self,
        layer_class: Callable[..., Layer],
        config: Mapping[str, Any] | None = None,
        *,
        run: Callable[[Coroutine[Any, Any, Any]], Any] = asyncio.run,
        patience: float = 10.0,
        moment: float = 0.25,
        settle: float = 0.05,
        lease: float = 30.0,
        seed: int | None = None,
    ) -> None:
        self.layer_class = layer_class
        self.config = dict(config or {})
        self.patience = patience
        self.moment = moment
        self.settle = settle
        self.lease = lease
        self.seed = secrets.randbits(32) if seed is None else seed
        self.can = self._abilities()
        self._run = run
        self._made: list[tuple[Layer, dict[str, Any]]] = []

    def make(self, **overrides: Any) -> Layer:
        config = {**self.config, **BOUNDS, **overrides}
        layer = self.layer_class(**config)
        self._made.append((layer, config))
        return layer

    def second(self, layer: Layer) -> Layer:
        config = next(config for made, config in self._made if made is layer)
        return self.make(**config, **self._same_store(layer))

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        result: T = self._run(main)
        return result

    async def let_pass(self, seconds: float) -> None:
        # A little more, since the store may count in coarser steps than this clock.
        await asyncio.sleep(seconds * 1.1 + 0.01)

    async def wipe(self) -> None:
        raise NotImplementedError("this harness can't wipe its store")

    async def dead_member(self, group: str) -> str:
        answer = await in_thread(lambda: elsewhere.killed_member(self._recipe(), group))
        return str(answer)

    async def in_forked_child(self) -> dict[str, Any]:
        return await in_thread(lambda: elsewhere.around_fork(self._recipe()))

    async def clear(self) -> None:
        made, self._made = self._made, []
        for layer, _ in made:
            await self.close(layer)
        await self._empty_store()

    async def close(self, layer: Layer) -> None:
        """Frees what `layer` holds. That a layer can't be closed is for a case to say."""
        if hasattr(layer, "close"):
            await layer.close()

    async def _empty_store(self) -> None:
        layer = self.layer_class(**self.config)
        await layer.flush()
        await self.close(layer)

    def _same_store(self, layer: Layer) -> dict[str, Any]:
        return {} if self._crosses_processes() else {"store": layer.store}

    def _crosses_processes(self) -> bool:
        # A layer that doesn't say is taken for one that does, as most are.
        return bool(getattr(self.layer_class, "cross_process", self._many_nodes()))

    def _many_nodes(self) -> bool:
        home = getattr(self.layer_class, "__module__", "")
        return f"{home}.{getattr(self.layer_class, '__qualname__', '')}" not in SINGLE_NODE

    def _abilities(self) -> frozenset[str]:
        importable = self._importable_elsewhere()
        abilities = {
            "second_node": self._many_nodes(),
            "fork": importable and hasattr(os, "fork"),
            "dead_process": importable and self._crosses_processes(),
        }
        return frozenset(name for name, has in abilities.items() if has)

    def _importable_elsewhere(self) -> bool:
        try:
            self._recipe()
        except (pickle.PicklingError, AttributeError, TypeError):
            return False
        return True

    def _recipe(self) -> bytes:
        return pickle.dumps((self.layer_class, self.config))
