"""``fairway conformance``."""

from __future__ import annotations

import sys
from typing import Any

import click

from .options import config_option, import_from_here


@click.command()
@click.argument("layer_path", metavar="LAYER")
@config_option
def conformance(layer_path: str, config: dict[str, Any]) -> None:
    """Check what LAYER, a channel layer, keeps of the contract.

    LAYER is the import path of its class. Every promise is tried, and printed with how
    it came out. THE STORE THAT --config NAMES IS EMPTIED: never name one in use.

    \b
      fairway conformance fairway.memory.InMemoryChannelLayer
      fairway conformance mysite.layers.Layer --config '{"capacity": 200}'

    The exit code is 0 if every promise is kept and 1 if one is broken.
    """
    from ..conformance.report import run

    import_from_here()
    sys.exit(run(layer_path, config))
