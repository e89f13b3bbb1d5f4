"""The table of promises: cases run in processes that may hang or end, and are shown."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from benchmarks.conformance import Verdict, in_one_process, tables
from benchmarks.conformance_layers import COLUMNS

from fairway.conformance import all_cases

ROOT = Path(__file__).parents[2]
KEPT = Verdict("kept")
TELL_ONE = 'print(\'{"case": "a", "verdict": "kept", "reason": ""}\', flush=True)'


def verdicts_of(program: str, limit: float) -> list[tuple[str, Verdict]]:
    return list(in_one_process([sys.executable, "-c", program], ["a", "b", "c"], limit))


def test_a_case_that_hangs_is_broken_and_ends_its_process() -> None:
    hanging = f"{TELL_ONE}\nimport threading; threading.Event().wait()"
    verdicts = verdicts_of(hanging, 5)
    assert verdicts == [("a", KEPT), ("b", Verdict("broken", "the case did not end in 5 seconds"))]


def test_a_case_that_ends_its_process_is_broken() -> None:
    verdicts = verdicts_of(f"{TELL_ONE}\nimport os; os._exit(1)", 60)
    assert verdicts == [("a", KEPT), ("b", Verdict("broken", "the case ended its process"))]


@pytest.mark.parametrize(
    ("layer", "verdict"), [("fairway.memory", "kept"), ("channels.memory", "broken")]
)
def test_a_layer_goes_through_cases_in_a_process(layer: str, verdict: str) -> None:
    case = "interface.group_channels"
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.conformance_side", layer, "", case],
        cwd=ROOT, capture_output=True, text=True, timeout=120, check=True,
    )  # fmt: skip
    told = json.loads(ended.stdout)
    assert (told["case"], told["verdict"]) == (case, verdict)


def test_what_is_kept_is_counted_and_what_is_broken_is_named() -> None:
    names = [case.name for case in all_cases()]
    ours = dict.fromkeys(names, KEPT)
    theirs = {**ours, names[0]: Verdict("broken", "Layer has no blocking")}
    theirs[names[1]] = Verdict("broken", "it came twice")
    theirs[names[2]] = Verdict("not applicable", "one process")
    text = tables({"ours": ours, "theirs": theirs})
    every = len(names)
    assert f"| **all** | {every}/{every} | {every - 3}/{every - 1} |" in text
    titles = [case.title for case in all_cases()]
    assert f"| {titles[0]} | lacks it |" in text
    assert f"| {titles[1]} | ✗ |" in text
    assert f"| {titles[2]} |" not in text


def test_the_page_shows_every_layer() -> None:
    page = (ROOT / "docs" / "conformance.md").read_text()
    assert f"| promise | {' | '.join(COLUMNS)} |" in page
