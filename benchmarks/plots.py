"""Rows as a picture: for each case, ours beside its peers, on a logarithmic scale."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

from .results import Row
from .tables import number

_OURS, *_PEERS = "#0b7285", "#adb5bd", "#ced4da", "#868e96"
_BAR = 0.8


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """Write a bar chart of the rows that set ours beside a peer, as SVG."""
    compared = [row for row in rows if row.compared and len(row.best) > 1]
    subjects = list(dict.fromkeys(subject for row in compared for subject in row.best))
    # The same figures give the same file, byte for byte.
    matplotlib.rcParams.update({"svg.hashsalt": "fairway", "font.size": 9})
    figure = Figure(figsize=(9, 0.9 + 0.25 * len(compared) * (len(subjects) + 1)))
    axes = figure.add_subplot()
    height = _BAR / len(subjects)
    for i, subject in enumerate(subjects):
        places = [place + i * height for place in range(len(compared))]
        values = [row.best.get(subject, 0.0) for row in compared]
        color = _OURS if subject == compared[0].ours else _PEERS[(i - 1) % len(_PEERS)]
        bars = axes.barh(places, values, height, label=subject, color=color)
        axes.bar_label(bars, labels=[number(v) if v else "" for v in values], padding=3)
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.invert_yaxis()
    middle = (len(subjects) - 1) * height / 2
    axes.set_yticks([place + middle for place in range(len(compared))])
    axes.set_yticklabels([f"{row.title}\n{row.unit}, {row.better} is better" for row in compared])
    axes.spines[["top", "right"]].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", weight="bold")
    figure.legend(loc="upper right", ncols=len(subjects), frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.99))
    figure.savefig(path, metadata={"Date": None})
