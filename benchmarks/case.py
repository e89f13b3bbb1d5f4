"""A case: something to do with each layer of a family, and what may be expected of ours."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

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

    def best(self, figures: list[float]) -> float:
        """The best round: what disturbs a machine only ever makes a figure worse."""
        return max(figures) if self.better == "more" else min(figures)


class Stage:
    """The processes in which one subject goes through one case, started as they are asked for."""

    def __init__(self, subject: Subject, server: str, stack: ExitStack):
        self.subject = subject
        #: Part of names, so that no case meets what another left behind.
        self.token = secrets.token_hex(4)
        self.channel = f"bench-{self.token}"
        self.group = f"bench-group-{self.token}"
        self._server = server
        self._stack = stack

    @cached_property
    def sender(self) -> Side:
        return self._side(plain=False)

    @cached_property
    def receiver(self) -> Side:
        return self._side(plain=False)

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
        side = Side(self.subject.name, self._server, plain=plain)
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
    rounds: int | None = None
