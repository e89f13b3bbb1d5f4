"""Rows as pictures: ours beside its peers as bars, or as lines where a cost grows.

Nothing is filled behind them, so that they are as readable on a dark page as on a light one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .results import Row
from .tables import number

_OURS, *_PEERS = "#1098ad", "#868e96", "#c29d6b", "#9775b4"
_TEXT = "#7d858d"
_BAR = 0.8
_PANELS_ABREAST = 3


def compared(rows: Sequence[Row]) -> list[Row]:
    """Those that set ours beside a peer."""
    return [row for row in rows if row.compared and row.drawn and len(row.best) > 1]


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """Write a bar chart of rows that are :func:`compared`, as SVG."""
    subjects = list(dict.fromkeys(subject for row in rows for subject in row.best))
    _set_style()
    figure = Figure(figsize=(9, 0.9 + 0.25 * len(rows) * (len(subjects) + 1)))
    axes = figure.add_subplot()
    height = _BAR / len(subjects)
    for i, subject in enumerate(subjects):
        places = [place + i * height for place in range(len(rows))]
        values = [row.best.get(subject, 0.0) for row in rows]
        color = _color(rows[0], subject, subjects)
        bars = axes.barh(places, values, height, label=subject, color=color)
        axes.bar_label(bars, labels=[number(v) if v else "" for v in values], padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.invert_yaxis()
    middle = (len(subjects) - 1) * height / 2
    axes.set_yticks([place + middle for place in range(len(rows))])
    axes.set_yticklabels([f"{row.title}\n{row.unit}, {row.better} is better" for row in rows])
    _save(figure, title, len(subjects), path)


def draw_growth(rows: Sequence[Row], title: str, path: Path) -> None:
    """Write a panel for each metric, with a line for each subject, as SVG."""
    metrics = list(dict.fromkeys(row.metric for row in rows))
    subjects = list(dict.fromkeys(subject for row in rows for subject in row.best))
    _set_style()
    lines = ceil(len(metrics) / _PANELS_ABREAST)
    figure = Figure(figsize=(9, 0.5 + 2.8 * lines))
    for i, metric in enumerate(metrics):
        axes = figure.add_subplot(lines, _PANELS_ABREAST, i + 1)
        _draw_panel(axes, [row for row in rows if row.metric == metric], subjects)
    _save(figure, title, len(subjects), path)


def _draw_panel(axes: Axes, rows: Sequence[Row], subjects: Sequence[str]) -> None:
    for subject in subjects:
        found = [(row.at, row.best[subject]) for row in rows if subject in row.best]
        color = _color(rows[0], subject, subjects)
        axes.plot(*zip(*found, strict=True), marker="o", markersize=3, label=subject, color=color)
    axes.set_xscale("log")
    places = [row.at for row in rows]
    axes.set_xticks(places, [f"{place:,.0f}" for place in places], minor=False)
    axes.set_xticks([], minor=True)
    axes.set_xlabel(rows[-1].title.rpartition("; ")[2].partition(" ")[2])
    values = [value for row in rows for value in row.best.values()]
    if max(values) > 8 * min(values):
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 1.15 * max(values))
    what = rows[0].title.partition(";")[0].replace(", ", ",\n", 1)
    axes.set_title(f"{what}\n{rows[0].unit}", fontsize=9)


def _color(row: Row, subject: str, subjects: Sequence[str]) -> str:
    peers = [each for each in subjects if each != row.ours]
    return _OURS if subject == row.ours else _PEERS[peers.index(subject) % len(_PEERS)]


def _set_style() -> None:
    style = dict.fromkeys(
        ["text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"], _TEXT
    )
    # Text stays text, which is a third of the size; the same figures give the same file.
    matplotlib.rcParams.update(
        {
            **style,
            "svg.fonttype": "none",
            "svg.hashsalt": "fairway",
            "font.size": 9,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    )


def _save(figure: Figure, title: str, subjects: int, path: Path) -> None:
    inch = 1 / figure.get_figheight()
    figure.suptitle(title, x=0.01, y=1 - 0.05 * inch, ha="left", va="top", weight="bold")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    if subjects > 1:
        place = (0, 1 - 0.2 * inch)
        figure.legend(
            handles, labels, loc="upper left", bbox_to_anchor=place, ncols=subjects, frameon=False
        )
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.4 * inch))
    figure.savefig(path, metadata={"Date": None}, transparent=True)
