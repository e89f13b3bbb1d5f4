"""Writes the tables of docs/migrating.md, which are those of `fairway check-settings`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from fairway.django.peers import PEERS, Change

PAGE = Path(__file__).parents[1] / "docs" / "migrating.md"
_BLOCK = re.compile(r"(<!-- tables:.*?-->\n).*(?=<!-- end of tables -->)", re.DOTALL)


def tables() -> str:
    """The tables of all peers, in Markdown."""
    return "\n".join(line for path in PEERS for line in _section(path))


def rendered(page: str) -> str:
    """``page`` with the tables as they are now."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{tables()}\n", page)


def _section(path: str) -> Iterator[str]:
    peer = PEERS[path]
    yield f"## From `{path}`\n"
    options = {f"`{name}`": change for name, change in peer.options.items()}
    yield from _table("option", {**options, "any other": peer.other})
    yield from _table("", peer.behaviours)


def _table(title: str, changes: Mapping[str, Change]) -> Iterator[str]:
    names: dict[Change, list[str]] = {}
    for name, change in changes.items():
        names.setdefault(change, []).append(name)
    yield f"| {title} | | here |\n|---|---|---|"
    for change, of in names.items():
        yield f"| {', '.join(of)} | {change.verdict} | {_cell(change)} |"
    yield ""


def _cell(change: Change) -> str:
    return f"{change.words} → {change.do}" if change.do else change.words


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text()))
