"""The statements by name, in the words of one database and for the tables of one prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from .features import Features

#: The version of the schema, part of every table's name.
VERSION = 1
TABLES = (
    "nodes", "inbox", "counts", "channels", "queue", "wants", "members", "group_nodes",
    "figures", "samples",
)  # fmt: skip

_NAME = re.compile(r"^-- ([a-z_]+)$", re.MULTILINE)
_PARAMETER = re.compile("%[slr]")

#: A statement's name and its parameters.
Call = tuple[Any, ...]


class Statements:
    """Renders calls; see ``sql/statements.sql`` for what may be called."""

    def __init__(self, features: Features, prefix: str):
        self._placeholder = features.placeholder
        words = {**table_names(prefix), "now": features.now, "begin": features.begin}
        self._texts = {
            name: features.translate(text.format(**words))
            for name, text in named_parts("statements.sql")
        }

    def render(self, call: Call) -> tuple[str, list[Any]]:
        """The text with a placeholder for each value, and the values."""
        name, *parameters = call
        text = self._texts[name]
        if not parameters:
            return text, parameters
        values: list[Any] = []
        given = iter(parameters)

        def expand(match: re.Match[str]) -> str:
            return self._expand(match[0], next(given), values)

        return _PARAMETER.sub(expand, text), values

    def _expand(self, kind: str, parameter: Any, values: list[Any]) -> str:
        if kind == "%s":
            values.append(parameter)
            return self._placeholder
        if kind == "%l":
            values.extend(parameter)
            return self._tuple(len(parameter))
        for row in parameter:
            values.extend(row)
        return ", ".join([self._tuple(len(parameter[0]))] * len(parameter))

    def _tuple(self, length: int) -> str:
        return f"({', '.join([self._placeholder] * length)})"


def table_names(prefix: str) -> Mapping[str, str]:
    """The tables of a layer with this prefix."""
    return {table: f"fairway{VERSION}_{prefix}_{table}" for table in TABLES}


def named_parts(file: str) -> Iterator[tuple[str, str]]:
    """The statements of a file of ours and their names, without comments."""
    text = files(__package__).joinpath("sql").joinpath(file).read_text()
    parts = _NAME.split(text)[1:]
    for name, body in zip(parts[::2], parts[1::2], strict=True):
        lines = [line for line in body.splitlines() if line and not line.startswith("--")]
        if lines:
            yield name, " ".join(line.strip() for line in lines).rstrip(";")
