"""The cases as a table for people to read."""

from __future__ import annotations

import logging
import pkgutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from fairway.errors import ConfigurationError, MissingLibrary

from .case import PROMISES
from .harness import Harness, Layer
from .layer_harness import LayerHarness
from .runner import Outcome, Verdict, all_cases, run_case

SYMBOLS: dict[Verdict, str] = {"kept": "✓", "broken": "✗", "not applicable": "–"}
PLAIN: dict[Verdict, str] = {"kept": "ok", "broken": "FAILED", "not applicable": "n/a"}
COLOURS: dict[Verdict, str] = {"kept": "green", "broken": "red", "not applicable": "yellow"}
WIDTH = 88


def run(layer_path: str, config: Mapping[str, Any] | None = None) -> int:
    """Runs every case against the layer at a dotted path, and prints how each came out.

    Returns an exit code: 0 if all promises are kept, 1 if one is broken. Raises
    `ConfigurationError` if there is no such layer, or `config` doesn't make one. The store that
    `config` names is emptied.
    """
    harness = LayerHarness(find_layer(layer_path), config)
    _require_makes_layer(layer_path, harness)
    click.echo(f"{layer_path} against the contract (seed {harness.seed})")
    with _unlogged_drops():
        return print_outcomes(harness)


def find_layer(layer_path: str) -> Layer:
    """The class at a dotted path, or `ConfigurationError`."""
    module, _, name = layer_path.partition(":")
    if not name:
        module, _, name = layer_path.rpartition(".")
    try:
        # With a colon, what importing the module raises comes through.
        return pkgutil.resolve_name(f"{module}:{name}")
    except MissingLibrary:
        raise
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigurationError(
            f"{layer_path!r} is not the dotted path of a layer class, such as"
            f" 'fairway.memory.InMemoryChannelLayer': {error}"
        ) from error


def _require_makes_layer(layer_path: str, harness: LayerHarness) -> None:
    try:
        harness.layer_class(**harness.config)
    except TypeError as error:
        raise ConfigurationError(f"{layer_path} can't be made of this config: {error}") from error


@contextmanager
def _unlogged_drops() -> Iterator[None]:
    """The cases provoke drops, whose log lines would only tear the table."""
    logger = logging.getLogger("fairway.drops")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def print_outcomes(harness: Harness) -> int:
    """Runs every case, prints a line for each as it ends, and returns the exit code."""
    started, outcomes, promise = time.perf_counter(), list[Outcome](), -1
    for case in all_cases():
        if case.promise != promise:
            promise = case.promise
            click.echo(f"\n{click.style(_heading(promise), bold=True)}")
        outcomes.append(run_case(case, harness))
        click.echo(line(outcomes[-1]))
    click.echo(f"\n{summary(outcomes)} in {time.perf_counter() - started:.1f} s")
    return int(any(outcome.verdict == "broken" for outcome in outcomes))


def _heading(promise: int) -> str:
    return f"{promise}. {PROMISES[promise]}" if promise else PROMISES[promise]


def line(outcome: Outcome) -> str:
    """A symbol, the promise and the time; below it the reason, if there is one."""
    symbol = click.style(_symbols()[outcome.verdict], fg=COLOURS[outcome.verdict])
    text = f"  {symbol} {outcome.case.title:<{WIDTH}} {outcome.seconds:6.2f} s"
    if outcome.reason:
        text += f"\n      {outcome.reason}  [{outcome.case.name}]"
    return text


def _symbols() -> dict[Verdict, str]:
    try:
        "".join(SYMBOLS.values()).encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return PLAIN
    return SYMBOLS


def summary(outcomes: Iterable[Outcome]) -> str:
    """How many cases came out which way."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in SYMBOLS)
