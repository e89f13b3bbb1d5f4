"""Rows as tables: for the terminal and for a page of the documentation."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from .results import Row

_DATABASES = {
    "postgresql": "on PostgreSQL", "sqlite": "on SQLite", "mariadb": "on MariaDB",
    "mysql": "on MySQL",
}  # fmt: skip
_ON_DATABASES = {
    "": "Two processes",
    "-cost": "What a message costs",
    "-idle": "What a waiting process costs",
    "-beside": "The application's own queries beside a layer",
}
_TITLES = {
    "memory": "In memory, one process",
    "redis": "On Redis, two processes",
    "redis-cost": "What a message costs on Redis",
    "redis-idle": "What a waiting process costs on Redis",
    "redis-members": "group_send on Redis, as members in one process grow",
    "redis-processes": "group_send on Redis, as processes with one member each grow",
    "redis-shards": "Messages over several Redis servers, 400 in flight",
    **{
        f"{store}{family}": f"{title} {on}"
        for store, on in _DATABASES.items()
        for family, title in _ON_DATABASES.items()
    },
    "dev": "fairway dev beside uvicorn, one application, one client",
}


def title(family: str) -> str:
    """A family's heading."""
    return _TITLES.get(family, family)


def cells(rows: Sequence[Row]) -> list[list[str]]:
    """A family's table: a heading and a line for each row, those of one growth together."""
    if rows[0].at is not None:
        metrics = list(dict.fromkeys(row.metric for row in rows))
        rows = sorted(rows, key=lambda row: metrics.index(row.metric))
    subjects = list(dict.fromkeys(subject for row in rows for subject in row.best))
    ours = rows[0].ours
    peers = [subject for subject in subjects if subject != ours]
    sign = "−" if rows[0].compared == "difference" else "÷"
    heading = ["case", "unit", *subjects, *(f"{sign} {peer}" for peer in peers)]
    lines = [
        [
            row.title,
            row.unit,
            *(_figure(row, subject) for subject in subjects),
            *(_beside(row, peer) for peer in peers),
        ]
        for row in rows
    ]
    return [heading, *lines]


def show(console: Console, family: str, rows: Sequence[Row]) -> None:
    """Print a family's table."""
    heading, *lines = cells(rows)
    table = Table(title=title(family), title_justify="left")
    for i, text in enumerate(heading):
        table.add_column(text, justify="left" if i < 2 else "right")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def markdown(rows: Sequence[Row]) -> str:
    """A family's table in Markdown."""
    heading, *lines = cells(rows)
    rule = ["---", "---", *["---:"] * (len(heading) - 2)]
    return "\n".join("| " + " | ".join(line) + " |" for line in [heading, rule, *lines])


def number(value: float) -> str:
    """Three figures are all that repeats from run to run."""
    if value >= 1000:
        digits = max(0, len(str(int(value))) - 3)
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}" if value < 100 else f"{value:.0f}"


def _figure(row: Row, subject: str) -> str:
    if subject not in row.best:
        return "–"
    text = number(row.best[subject])
    return text + _judgement(row, "") if subject == row.ours else text


def _beside(row: Row, peer: str) -> str:
    difference = row.difference(peer)
    if difference is not None:
        return f"{'+' if difference >= 0 else '−'}{number(abs(difference))}"
    ratio = row.ratio(peer)
    return "–" if ratio is None else f"{number(ratio)}×{_judgement(row, peer)}"


def _judgement(row: Row, peer: str) -> str:
    met = row.met(peer)
    if met is None:
        return ""
    sign = "≥" if row.better == "more" else "≤"
    return f" ({sign} {row.bars[peer]:g}{'' if met else ', missed'})"
