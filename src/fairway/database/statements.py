"""The statements by name, in the words of one database and for the tables of one prefix."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
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

#: Texts that are kept, of all lengths of what statements take many of.
_REMEMBERED = 2000

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
        self._kinds = {name: _PARAMETER.findall(text) for name, text in self._texts.items()}
        #: Texts with placeholders, by name and the lengths of what they take many of.
        self._expanded: dict[tuple[Any, ...], str] = {}

    def render(self, call: Call) -> tuple[str, Sequence[Any]]:
        """The text with a placeholder for each value, and the values."""
        name, *parameters = call
        kinds = self._kinds[name]
        if not kinds:
            return self._texts[name], ()
        shape = (
            name,
            *[len(each) for each, kind in zip(parameters, kinds, strict=True) if kind != "%s"],
        )
        text = self._expanded.get(shape)
        if text is None:
            text = self._expand(shape, parameters)
        return text, parameters if len(shape) == 1 else _values(kinds, parameters)

    def _expand(self, shape: tuple[Any, ...], parameters: Sequence[Any]) -> str:
        if len(self._expanded) >= _REMEMBERED:
            self._expanded.clear()
        given = iter(parameters)
        text = _PARAMETER.sub(
            lambda match: self._placeholders(match[0], next(given)), self._texts[shape[0]]
        )
        self._expanded[shape] = text
        return text

    def _placeholders(self, kind: str, parameter: Any) -> str:
        if kind == "%s":
            return self._placeholder
        if kind == "%l":
            return self._tuple(len(parameter))
        return ", ".join([self._tuple(len(parameter[0]))] * len(parameter))

    def _tuple(self, length: int) -> str:
        return f"({', '.join([self._placeholder] * length)})"


def _values(kinds: Sequence[str], parameters: Sequence[Any]) -> list[Any]:
    values: list[Any] = []
    for kind, parameter in zip(kinds, parameters, strict=True):
        if kind == "%s":
            values.append(parameter)
        elif kind == "%l":
            values.extend(parameter)
        else:
            for row in parameter:
                values.extend(row)
    return values


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
