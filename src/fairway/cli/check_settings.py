"""``fairway check-settings``."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from .errors import of_target
from .options import import_from_here

if TYPE_CHECKING:
    from ..django.migration import Move
    from ..django.peers import Change

_COLOURS = {"different": "yellow", "better": "green", "same": None}
#: Columns to use where the terminal is wider, or is none.
_WIDTH = 100


@click.command("check-settings")
@click.argument("settings", metavar="[SETTINGS]", required=False)
def check_settings(settings: str | None) -> None:
    """Read a Django project's CHANNEL_LAYERS and say what Fairway would change.

    SETTINGS is the import path of the settings module; without it, DJANGO_SETTINGS_MODULE
    names it. Nothing is written, and no server is asked.

    \b
      fairway check-settings mysite.settings

    The exit code is 1 if something would not work, 0 otherwise.
    """
    import_from_here()
    moves = _read(settings)
    if not moves:
        click.echo("CHANNEL_LAYERS names no layer: there is nothing to change.")
    for move in moves:
        _show(move)
    sys.exit(any(move.problems for move in moves))


def _read(settings: str | None) -> list[Move]:
    if settings is not None:
        os.environ["DJANGO_SETTINGS_MODULE"] = settings
    path = os.environ.get("DJANGO_SETTINGS_MODULE")
    if not path:
        raise click.UsageError(
            "name the settings module, as in `fairway check-settings mysite.settings`, "
            "or set DJANGO_SETTINGS_MODULE"
        )
    try:
        from ..django.migration import moves
    except ModuleNotFoundError as error:
        raise click.ClickException("Django is not installed here: pip install Django") from error
    with of_target(path):
        return moves()


def _show(move: Move) -> None:
    click.secho(f"\nCHANNEL_LAYERS[{move.alias!r}]: {move.backend}", bold=True)
    if move.is_ours:
        click.echo("  is Fairway's already")
    elif not move.is_known:
        _paragraph(
            "  is not a layer that Fairway knows. `fairway conformance "
            f"{move.backend}` tells which promises it keeps; it empties the store."
        )
    for step in move.steps:
        _paragraph(f"  → {step}", hanging=4)
    for problem in move.problems:
        click.secho("  ✗ would not work: ", fg="red", nl=False)
        _paragraph(problem, hanging=4)
    for verdict in _COLOURS:
        _show_changes(verdict, [each for each in move.changes if each[1].verdict == verdict])


def _show_changes(verdict: str, changes: Iterable[tuple[str, Change]]) -> None:
    names: dict[Change, list[str]] = {}
    for name, change in changes:
        names.setdefault(change, []).append(name)
    if names:
        click.secho(f"\n  {verdict}", fg=_COLOURS[verdict], bold=True)
    for change, of in names.items():
        _paragraph(f"    {', '.join(of)}: {change.words}", hanging=6)
        if change.do:
            _paragraph(f"      → {change.do}", hanging=8)


def _paragraph(text: str, hanging: int = 2) -> None:
    width = min(shutil.get_terminal_size((_WIDTH, 24)).columns, _WIDTH)
    wrapped = textwrap.fill(text, max(width, 40), subsequent_indent=" " * hanging)
    click.echo(wrapped)
