"""Cases as pytest tests, in a project that has Fairway installed."""

import re
import subprocess
import sys
from pathlib import Path

PROJECT = """
import pytest
from fairway.conformance import LayerHarness
from fairway.memory import InMemoryChannelLayer

class Deaf(InMemoryChannelLayer):
    extensions = ["groups"]

@pytest.fixture
def harness():
    return LayerHarness(Deaf, moment=0.1)

def test_contract(conformance_case, harness):
    conformance_case(harness)
"""


def pytest_in(folder: Path, *options: str) -> str:
    (folder / "test_mine.py").write_text(PROJECT)
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *options]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True).stdout


def test_each_case_is_a_test(tmp_path: Path) -> None:
    chosen = "interface.attributes or interface.extensions or store_lost"
    output = pytest_in(tmp_path, "-v", "-k", chosen)
    assert "test_mine.py::test_contract[interface.attributes] PASSED" in output
    assert "test_mine.py::test_contract[interface.extensions] FAILED" in output
    assert "test_mine.py::test_contract[groups.store_lost] SKIPPED" in output
    assert "The extensions are groups, flush and statistics: extensions: expected" in output
    assert "the harness can't make this store lose its data" in output
    assert re.search("1 failed, 1 passed, 1 skipped", output)


def test_one_case_can_be_chosen_by_name(tmp_path: Path) -> None:
    output = pytest_in(tmp_path, "--collect-only", "-q", "-k", "random_cancels")
    assert "test_contract[never_lost.random_cancels]" in output
    assert "test_contract[never_lost.random_cancels_of_many]" in output


def test_the_plugin_is_light(tmp_path: Path) -> None:
    script = (
        "import sys, pytest; before = set(sys.modules);"
        " import fairway.conformance.pytest_plugin;"
        " print(*sorted(set(sys.modules) - before))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    ).stdout.split()
    assert loaded == ["fairway", "fairway.conformance", "fairway.conformance.pytest_plugin"]
