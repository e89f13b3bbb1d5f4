"""The table that `fairway conformance` prints."""

import io
import sys
from typing import ClassVar

import pytest

from fairway.conformance import Outcome, all_cases, report
from fairway.errors import ConfigurationError
from fairway.memory import InMemoryChannelLayer

MEMORY = "fairway.memory.InMemoryChannelLayer"


class Deaf(InMemoryChannelLayer):
    """Breaks a promise."""

    extensions: ClassVar[list[str]] = ["groups"]


@pytest.fixture
def few_cases(monkeypatch: pytest.MonkeyPatch) -> None:
    """Enough for every symbol; all of them run elsewhere."""
    names = {"interface.attributes", "interface.extensions", "groups.store_lost"}
    cases = [case for case in all_cases() if case.name in names]
    monkeypatch.setattr(report, "all_cases", lambda: cases)


@pytest.mark.usefixtures("few_cases")
def test_a_layer_that_keeps_its_promises(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.run(MEMORY, {"capacity": 10}) == 0
    table = capsys.readouterr().out
    assert table.startswith(f"{MEMORY} against the contract (seed ")
    assert "\nThe contract's verbs\n  ✓ A layer is made without" in table
    assert "\n6. Groups\n  – After the store lost its data" in table
    assert "the harness can't make this store lose its data  [groups.store_lost]" in table
    assert "\n2 kept, 0 broken, 1 not applicable in " in table


@pytest.mark.usefixtures("few_cases")
def test_a_layer_that_breaks_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert report.run(f"{__name__}.Deaf") == 1
    table = capsys.readouterr().out
    assert "  ✗ The extensions are groups, flush and statistics" in table
    assert "got ['groups']  [interface.extensions]" in table
    assert "\n1 kept, 1 broken, 1 not applicable in " in table


@pytest.mark.parametrize(
    "path", ["nowhere.Layer", "fairway.memory.NoLayer", "", "not a path", "fairway..memory"]
)
def test_a_wrong_path_is_told(path: str) -> None:
    with pytest.raises(
        ConfigurationError, match=r"is not the dotted path of a layer class"
    ) as told:
        report.run(path)
    assert repr(path) in str(told.value)


@pytest.mark.parametrize("config", [{"capacity": "many"}, {"no_such_option": 1}])
def test_a_wrong_config_is_told(config: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(config))):
        report.run(MEMORY, config)


def test_symbols_where_the_terminal_has_no_unicode(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="ascii"))
    [case] = [case for case in all_cases() if case.name == "interface.extensions"]
    assert "FAILED" in report.line(Outcome(case, "broken", 0.0, "so"))
