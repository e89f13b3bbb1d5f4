"""A small table on the terminal, for the comparisons that ``docs/decisions.md`` quotes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from .tables import number

_WIDE = 140


def show_sheet(title: str, lines: Mapping[str, Sequence[float | str]], heading: str) -> None:
    """Print lines of figures; ``heading`` names the columns, separated by ``|``."""
    table = Table(title=title, title_justify="left")
    for i, name in enumerate(heading.split("|")):
        table.add_column(name, justify="left" if i == 0 else "right")
    for name, cells in lines.items():
        table.add_row(name, *(cell if isinstance(cell, str) else number(cell) for cell in cells))
    Console(width=_WIDE).print(table)
