"""Small tables: on the terminal, and with ``--write`` in the pages that have a place for them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import click
from rich.console import Console
from rich.table import Table

from .render import DOCS, between_markers
from .tables import number

_WIDE = 140
_PAGES = ["decisions.md", "redis.md", "database.md"]


@dataclass(frozen=True)
class Sheet:
    """Lines of figures. ``key`` names its place in a page, ``heading`` its columns."""

    key: str
    heading: Sequence[str]
    lines: Mapping[str, Sequence[float | str]]

    def rows(self) -> list[list[str]]:
        """The cells of the lines."""
        return [[name, *map(_text, cells)] for name, cells in self.lines.items()]

    def markdown(self) -> str:
        """For a page."""
        rule = ["---", *["---:"] * (len(self.heading) - 1)]
        lines = [list(self.heading), rule, *self.rows()]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def show(self) -> None:
        """On the terminal."""
        table = Table(title=self.key, title_justify="left")
        for i, name in enumerate(self.heading):
            table.add_column(name, justify="right" if i else "left")
        for row in self.rows():
            table.add_row(*row)
        Console(width=_WIDE).print(table)

    def write(self) -> None:
        """Into the page that has a place for it."""
        for page in (DOCS / name for name in _PAGES):
            text = page.read_text()
            if f"<!-- figures: {self.key} -->" in text:
                page.write_text(between_markers(text, self.key, self.markdown()))


def publish(sheets: Iterable[Sheet]) -> None:
    """The command line: print the sheets as they come."""

    @click.command(help="Print a comparison.")
    @click.option("--write", is_flag=True, help="Put it into the documentation too.")
    def command(write: bool) -> None:
        for sheet in sheets:
            sheet.show()
            if write:
                sheet.write()

    command()


def _text(cell: float | str) -> str:
    return cell if isinstance(cell, str) else number(cell)
