"""Options that several commands have, and what is made of them."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from ..layer import ChannelLayer

F = TypeVar("F", bound=Callable[..., Any])

LEVELS = ("critical", "error", "warning", "info", "debug")


def _json_object(context: click.Context, option: click.Parameter, value: str) -> dict[str, Any]:
    try:
        config = json.loads(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no JSON: {error}") from error
    if not isinstance(config, dict):
        raise click.BadParameter(f"""{value!r} is no JSON object, such as '{{"capacity": 200}}'""")
    return config


target_argument = click.argument("target", metavar="APP")

threads_option = click.option(
    "--threads",
    type=click.IntRange(min=1),
    help="Sync consumers that run at once.  [default: cores + 4, at most 32]",
)

log_level_option = click.option(
    "--log-level", type=click.Choice(LEVELS), default="info", show_default=True
)

config_option = click.option(
    "--config",
    callback=_json_object,
    default="{}",
    metavar="JSON",
    help="The layer's keyword arguments, as a JSON object.",
)


def address_options(command: F) -> F:
    """--host and --port."""
    command = click.option(
        "--port",
        type=click.IntRange(0, 65535),
        default=8000,
        show_default=True,
        help="0 is any free one.",
    )(command)
    return click.option(
        "--host",
        default="127.0.0.1",
        show_default=True,
        help="Address to listen on; 0.0.0.0 is every one this machine has.",
    )(command)


def layer_options(command: F) -> F:
    """--layer and --config, for a layer that crosses processes."""
    return click.option(
        "--layer",
        "layer_path",
        required=True,
        metavar="PATH",
        help="Import path of the layer's class.",
    )(config_option(command))


def import_from_here() -> None:
    """Let import paths start in the current directory, as `python -m` does."""
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)


def make_layer(path: str, config: dict[str, Any], here: str, there: str) -> ChannelLayer:
    """The layer by which ``here``, this process, and ``there``, others, reach each other."""
    from ..contract import check_layer
    from ..errors import ConfigurationError
    from ..routing.loading import load_object

    make = load_object(path)
    if not callable(make):
        raise ConfigurationError(f"{path} is no class of channel layers: it is {make!r}")
    try:
        layer: ChannelLayer = make(**config)
    except TypeError as error:
        raise ConfigurationError(f"{path} can't be made of this --config: {error}") from error
    check_layer(layer, path)
    if not getattr(layer, "cross_process", True):
        raise ConfigurationError(
            f"{path} doesn't leave its process, so {here} would never hear of {there}: choose a "
            "layer that crosses processes, or run both in one process with `fairway dev`"
        )
    return layer
