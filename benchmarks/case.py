"""A case: something to do with each layer of a family, and what may be expected of ours."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Literal

from . import procedures
from .server_use import Use, uses_of
from .servers import program
from .side import Side
from .subjects import Program, Subject

Comparison = Literal["ratio", "difference", ""]

#: What one round found, by metric.
Figures = dict[str, float]


@dataclass(frozen=True)
class Metric:
    """One figure of a case. ``bars`` say what ours must be, as a multiple of each peer's;
    the name "" stands for the figure itself, where it needs no peer."""

    name: str
    title: str
    unit: str
    better: Literal["more", "less"] = "more"
    bars: Mapping[str, float] = field(default_factory=dict)
    #: The two metrics that this one is the quotient of, best by best.
    quotient: tuple[str, str] | None = None
    #: How ours is set beside a peer's, where that says anything.
    compared: Comparison = "ratio"
    #: Whether the plot shows it; tables show all.
    drawn: bool = True

    def best(self, figures: list[float]) -> float:
        """The best round: what disturbs a machine only ever makes a figure worse."""
        return max(figures) if self.better == "more" else min(figures)


class Stage:
    """The processes in which one subject goes through one case, started as they are asked for."""

    def __init__(
        self,
        subject: Subject,
        servers: Sequence[str],
        stack: ExitStack,
        settling: float,
        changes: Mapping[str, object] = MappingProxyType({}),
    ):
        self.subject = subject
        #: Part of names, so that no case meets what another left behind.
        self.token = secrets.token_hex(4)
        self.channel = f"bench-{self.token}"
        self.group = f"bench-group-{self.token}"
        #: Many channels, where one is too few; and processes, likewise.
        self.channels: list[str] = []
        self.receivers: list[Side] = []
        self._servers = servers
        self._stack = stack
        self._settling = settling
        self._changes = changes

    @cached_property
    def sender(self) -> Side:
        return self.settled(1)[0]

    @cached_property
    def receiver(self) -> Side:
        return self.settled(1)[0]

    def settled(self, count: int) -> list[Side]:
        """New processes whose event loops have lived for long enough to be at their best."""
        sides = [self._side(plain=False) for _ in range(count)]
        for side in sides:
            side.start(procedures.settle, self._settling)
        for side in sides:
            side.result()
        return sides

    def server_uses(self) -> list[Use]:
        """What each server has used so far."""
        return uses_of(self._servers)

    @cached_property
    def plain(self) -> Side:
        """A process whose main thread runs no event loop."""
        return self._side(plain=True)

    @cached_property
    def port(self) -> int:
        """Where a program listens."""
        if not isinstance(self.subject, Program):
            raise TypeError(f"{self.subject.name} is not a program")
        return self._stack.enter_context(program(self.subject.arguments))

    def _side(self, *, plain: bool) -> Side:
        side = Side(self.subject.name, self._servers, plain=plain, changes=self._changes)
        self._stack.callback(side.close)
        return side


@dataclass(frozen=True)
class Case:
    """``prepare`` sets a stage up once; ``measure`` then does a round of ``count`` operations.

    ``count`` is what every layer manages in a round's time; a faster layer gets more, unless
    the count is ``fixed``. ``quick`` is a count for seeing that all works.
    """

    name: str
    family: str
    metrics: tuple[Metric, ...]
    measure: Callable[[Stage, int], Figures]
    count: int
    quick: int
    prepare: Callable[[Stage], None] = lambda stage: None
    fixed: bool = False
    ours_only: bool = False
    #: Layers that can't do this.
    without: tuple[str, ...] = ()
    rounds: int | None = None
    servers: int = 1
    #: Whether no two layers may share a server, since they all work at once.
    apart: bool = False
    #: To the configuration of our layer.
    changes: Mapping[str, object] = field(default_factory=dict)
    #: Where a family asks how a cost grows with something: how much there is of it here.
    at: float | None = None

    def takes(self, subject: Subject) -> bool:
        """Whether a subject of the family goes through this case."""
        return subject.name not in self.without and (subject.ours or not self.ours_only)
