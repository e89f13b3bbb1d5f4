"""What the cases ask of whoever runs them: layers, other nodes, and time that passes."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, Protocol, TypeAlias, TypeVar

T = TypeVar("T")

# Any object that claims to keep the contract; it may lack every part of it.
Layer: TypeAlias = Any

# Optional abilities, and why a layer may do without.
ABILITIES = {
    "second_node": "this layer has one node only",
    "fork": "this system has no fork, or another process can't import this layer",
    "wipe": "the harness can't make this store lose its data",
    "dead_process": "no other process can share this store",
}


class Harness(Protocol):
    """Makes layers for one case at a time, on a store that nothing else uses meanwhile."""

    can: frozenset[str]
    """Those of `ABILITIES` that this harness has."""

    patience: float
    """Seconds within which everything that must happen has happened."""

    moment: float
    """The shortest expiry, in seconds, that the layer keeps well; the runner doubles it when
    the machine is too slow for a case."""

    settle: float
    """Seconds to wait for a message that must not come."""

    lease: float
    """Seconds within which a dead process is noticed."""

    seed: int
    """Seeds every random choice, and is named in what fails by one."""

    def make(self, **overrides: Any) -> Layer:
        """A new node. It has the contract's own bounds (an expiry of 60, a group_expiry of
        86400, a capacity of 100, no channel_capacity), whatever the harness's configuration
        says, save for `overrides`."""

    def second(self, layer: Layer) -> Layer:
        """Another node on `layer`'s store, with its configuration ("second_node")."""

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Runs `main` in a new event loop, in a thread that has none running."""

    async def let_pass(self, seconds: float) -> None:
        """Returns when the store's clock has gone on by at least `seconds`."""

    async def wipe(self) -> None:
        """Makes the store lose all its data behind the layers' backs ("wipe")."""

    async def dead_member(self, group: str) -> str:
        """A channel of a process that joined `group`, and was killed while it waited at the normal
        channel of the same name ("dead_process")."""

    async def in_forked_child(self) -> dict[str, Any]:
        """What a node saw around a fork ("fork"): the names of a channel that the process made
        before the fork as "parent", of one that its child made with the same layer object as
        "child", and the messages that each received as "parent_got" and "child_got"."""

    async def clear(self) -> None:
        """Closes every layer that was made, and leaves the store empty."""
