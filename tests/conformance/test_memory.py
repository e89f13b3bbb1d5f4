"""The kit against Fairway's own in-memory layer."""

import pytest

from fairway.conformance import LayerHarness
from fairway.conformance.pytest_plugin import ConformanceCase
from fairway.memory import InMemoryChannelLayer

# One process only: its store can't be lost, and no other process can die on it.
NOT_APPLICABLE = {
    "groups.store_lost",
    "groups.dead_process",
    "groups.dead_reader_counted",
    "groups.dead_stays_dead",
}


def test_contract(conformance_case: ConformanceCase) -> None:
    harness = LayerHarness(InMemoryChannelLayer, moment=0.1)
    if conformance_case.name in NOT_APPLICABLE:
        with pytest.raises(pytest.skip.Exception):
            conformance_case(harness)
    else:
        conformance_case(harness)
