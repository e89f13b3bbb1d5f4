"""What was found: figures by case, metric and layer; to JSON and back."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .case import Case, Figures, Metric
from .subjects import store_of

_PACKAGES = [
    "fairway", "channels", "channels-redis", "channels-postgres", "redis", "hiredis", "asgiref",
    "uvicorn",
]  # fmt: skip


@dataclass
class Outcome:
    """All rounds of one case, by metric and subject."""

    case: Case
    rounds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)

    def add(self, subject: str, figures: Figures) -> None:
        """Note what one round found."""
        for metric, figure in figures.items():
            self.rounds.setdefault(metric, {}).setdefault(subject, []).append(figure)

    def rows(self) -> list[Row]:
        """One row per metric."""
        rows = []
        for metric in self.case.metrics:
            rounds = self.rounds.get(metric.name, {})
            best = self._quotients(*metric.quotient) if metric.quotient else self._best(metric)
            rows.append(
                Row(
                    case=self.case.name, family=self.case.family, title=metric.title,
                    unit=metric.unit, better=metric.better, best=best, rounds=rounds,
                    bars=dict(metric.bars), compared=metric.compared,
                    metric=metric.name, at=self.case.at, drawn=metric.drawn,
                )
            )  # fmt: skip
        return rows

    def _best(self, metric: Metric) -> dict[str, float]:
        rounds = self.rounds.get(metric.name, {})
        return {subject: metric.best(figures) for subject, figures in rounds.items()}

    def _quotients(self, *names: str) -> dict[str, float]:
        metrics = {metric.name: metric for metric in self.case.metrics}
        above, below = (self._best(metrics[name]) for name in names)
        return {subject: figure / below[subject] for subject, figure in above.items()}


@dataclass
class Row:
    """A line of a table: a metric's best figure for each subject, and what ours must reach."""

    case: str
    family: str
    title: str
    unit: str
    better: str
    best: dict[str, float]
    rounds: dict[str, list[float]]
    bars: dict[str, float]
    compared: str
    metric: str = ""
    at: float | None = None
    drawn: bool = True

    @property
    def ours(self) -> str:
        """The subject that is compared with the others."""
        return f"fairway.{store_of(self.family)}"

    def ratio(self, peer: str) -> float | None:
        """Ours as a multiple of a peer's; with no peer, our figure itself."""
        if peer and self.compared != "ratio":
            return None
        ours = self.best.get(self.ours)
        theirs = self.best.get(peer) if peer else 1.0
        return None if ours is None or not theirs else ours / theirs

    def difference(self, peer: str) -> float | None:
        """What ours is above a peer's."""
        if self.compared != "difference" or not {self.ours, peer} <= self.best.keys():
            return None
        return self.best[self.ours] - self.best[peer]

    def met(self, peer: str) -> bool | None:
        """Whether the bar beside this peer is met; None if there is none."""
        ratio, bar = self.ratio(peer), self.bars.get(peer)
        if ratio is None or bar is None:
            return None
        return ratio >= bar if self.better == "more" else ratio <= bar


@dataclass
class Report:
    """A run: its rows, and the machine it ran on."""

    rows: list[Row]
    machine: dict[str, str]

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        content = {"machine": self.machine, "rows": [vars(row) for row in self.rows]}
        path.write_text(json.dumps(content, indent=2) + "\n")

    @classmethod
    def load(cls, path: Path) -> Report:
        """Read what :meth:`save` wrote."""
        content: dict[str, Any] = json.loads(path.read_text())
        return cls([Row(**row) for row in content["rows"]], content["machine"])


def describe_machine() -> dict[str, str]:
    """What the figures depend on."""
    facts = {
        "date": time.strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "cores": str(os.cpu_count()),
    }
    for package in _PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    try:
        said = subprocess.run(["redis-server", "--version"], capture_output=True, text=True)
        facts["redis-server"] = said.stdout.split("v=")[1].split()[0]
    except (OSError, IndexError):
        pass
    return facts
