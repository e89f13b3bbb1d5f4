"""Runs cases, and says how each came out."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Literal

from .case import Case
from .checks import NotApplicable, TooSlow, within
from .harness import ABILITIES, Harness

MODULES = (
    "interface",
    "receive_many",
    "blocking",
    "statistics",
    "never_twice",
    "never_lost",
    "order",
    "expiry",
    "capacity",
    "groups",
    "group_expiry",
    "isolation",
    "names_and_sizes",
    "threads_and_loops",
    "never_blocks",
)

ATTEMPTS = 5

Verdict = Literal["kept", "broken", "not applicable"]


@dataclass(frozen=True)
class Outcome:
    """How a case came out, after how many seconds, and why it isn't "kept" if it isn't."""

    case: Case
    verdict: Verdict
    seconds: float
    reason: str = ""
    error: Exception | None = None


def all_cases() -> list[Case]:
    """Every case, by promise and in the order of its module."""
    modules = [import_module(f".cases.{name}", __package__) for name in MODULES]
    cases = [value for module in modules for value in vars(module).values()]
    return sorted((c for c in cases if isinstance(c, Case)), key=lambda c: c.promise)


def run_case(case: Case, harness: Harness) -> Outcome:
    """Runs `case` in an event loop of its own. Nothing that a layer does makes this raise."""
    started = time.perf_counter()
    verdict, reason, error = _judge(case, harness)
    return Outcome(case, verdict, time.perf_counter() - started, reason, error)


def _judge(case: Case, harness: Harness) -> tuple[Verdict, str, Exception | None]:
    lacking = sorted(case.needs - harness.can)
    if lacking:
        return "not applicable", "; ".join(ABILITIES[need] for need in lacking), None
    try:
        _try_patiently(case, harness)
    except NotApplicable as reason:
        return "not applicable", str(reason), None
    except Exception as error:
        return "broken", explain(error), error
    return "kept", "", None


def _try_patiently(case: Case, harness: Harness) -> None:
    with _moments_restored(harness):
        for _ in range(ATTEMPTS - 1):
            try:
                return harness.run(_run(case, harness))
            except TooSlow:
                harness.moment *= 2
        return harness.run(_run(case, harness))


@contextmanager
def _moments_restored(harness: Harness) -> Iterator[None]:
    moment = harness.moment
    try:
        yield
    finally:
        harness.moment = moment


async def _run(case: Case, harness: Harness) -> None:
    limit = harness.lease + 6 * harness.patience
    await within(limit, harness.clear(), "the store could not be cleared")
    try:
        await within(limit, case.check(harness), f"the case did not end in {limit:.0f} seconds")
    finally:
        await within(limit, harness.clear(), "the layer could not be closed")


def explain(error: Exception) -> str:
    """Says in one sentence why a case failed."""
    if isinstance(error, AttributeError) and hasattr(error.obj, "send"):
        return f"{type(error.obj).__name__} has no {error.name}"
    if isinstance(error, AssertionError) and str(error):
        return str(error)
    return f"{type(error).__name__}: {error}"
