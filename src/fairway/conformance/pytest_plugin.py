"""Turns cases into pytest tests: ask for the fixture `conformance_case`, and call it.

    @pytest.fixture
    def harness():
        return LayerHarness(MyChannelLayer, {"capacity": 100})

    def test_contract(conformance_case, harness):
        conformance_case(harness)

pytest loads this wherever Fairway is installed, so the kit itself is imported by those who use it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .case import Case
    from .harness import Harness

FIXTURE = "conformance_case"


@dataclass(frozen=True)
class ConformanceCase:
    """A case as a test: calling it passes, fails or skips. `name` tells which it is."""

    case: Case

    @property
    def name(self) -> str:
        return self.case.name

    def __call__(self, harness: Harness) -> None:
        from .checks import PromiseBroken
        from .runner import run_case

        outcome = run_case(self.case, harness)
        if outcome.verdict == "not applicable":
            pytest.skip(outcome.reason)
        if outcome.verdict == "broken":
            broken = f"{self.case.title}: {outcome.reason}"
            raise PromiseBroken(broken) from outcome.error


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each case, for the functions that ask for one."""
    if FIXTURE in metafunc.fixturenames:
        from .runner import all_cases

        tests = [ConformanceCase(case) for case in all_cases()]
        metafunc.parametrize(FIXTURE, tests, ids=[test.name for test in tests])
