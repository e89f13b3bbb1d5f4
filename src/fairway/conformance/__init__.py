"""The conformance kit: what every channel layer promises, as cases that run against yours.

    fairway conformance dotted.path.Layer --config '{"capacity": 10}'

runs them from a shell, `run_case` from any program, and the pytest fixture `conformance_case`
as tests. See `docs/conformance.md`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .case import Case
    from .harness import Harness
    from .layer_harness import LayerHarness
    from .runner import Outcome, all_cases, run_case

__all__ = ["Case", "Harness", "LayerHarness", "Outcome", "all_cases", "run_case"]

_HOMES = {
    "Case": "case",
    "Harness": "harness",
    "LayerHarness": "layer_harness",
    "Outcome": "runner",
    "all_cases": "runner",
    "run_case": "runner",
}


def __getattr__(name: str) -> Any:
    # Every pytest run imports this package for its plugin: the rest waits until it is asked for.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
