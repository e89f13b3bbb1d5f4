"""One promise as a runnable case, and what a case may need of a harness."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from .harness import Harness

PROMISES = {
    0: "The contract's verbs",
    1: "Never twice",
    2: "Never lost in silence",
    3: "In order",
    4: "Expiry",
    5: "Capacity",
    6: "Groups",
    7: "Isolation",
    8: "Names and sizes",
    9: "Any thread, any loop",
    10: "Never blocks on send",
}

Check = Callable[[Harness], Awaitable[None]]


@dataclass(frozen=True)
class Case:
    """A check of one promise: passes by returning, fails by raising.

    `name` is `module.function`, `title` the sentence that a layer keeps, and `needs` the
    optional abilities (see `Harness.can`) without which there is nothing to check.
    """

    name: str
    promise: int
    title: str
    needs: frozenset[str]
    check: Check


def case(promise: int, title: str, *, needs: tuple[str, ...] = ()) -> Callable[[Check], Case]:
    """Makes a `Case` of an async function that takes a harness."""

    def make(check: Check) -> Case:
        module = check.__module__.rpartition(".")[2]
        name = f"{module}.{getattr(check, '__name__', '')}"
        return Case(name, promise, title, frozenset(needs), check)

    return make
