"""The layer that docs/custom-layer.md writes keeps the whole contract."""

from pathlib import Path

import pytest
from directory_layer import DirectoryChannelLayer

from fairway.conformance import LayerHarness
from fairway.conformance.pytest_plugin import ConformanceCase


@pytest.fixture
def harness(tmp_path: Path) -> LayerHarness:
    return LayerHarness(DirectoryChannelLayer, {"directory": str(tmp_path)})


def test_contract(conformance_case: ConformanceCase, harness: LayerHarness) -> None:
    if conformance_case.name == "groups.store_lost":
        with pytest.raises(pytest.skip.Exception):
            conformance_case(harness)  # a directory loses nothing
    else:
        conformance_case(harness)
