"""The benchmarks run: every case and every layer, a few operations each; their pages render."""

import shutil
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from benchmarks.__main__ import CASES
from benchmarks.case import Case
from benchmarks.plots import compared
from benchmarks.render import DOCS, between_markers
from benchmarks.results import Report, Row
from benchmarks.subjects import of_family, store_of
from benchmarks.tables import cells, markdown, number

ROOT = Path(__file__).parents[2]


STORES = list(dict.fromkeys(store_of(case.family) for case in CASES))


def python(*arguments: str, timeout: float = 240) -> str:
    ended = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.mark.parametrize("store", STORES)
def test_every_case_has_figures_that_the_page_takes(store: str, tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    python("-m", "benchmarks", "--quick", "--only", store, "--out", str(file))
    rows = Report.load(file).rows
    check_figures([case for case in CASES if store_of(case.family) == store], rows)
    shutil.copy(DOCS / "benchmarks.md", tmp_path)
    for _ in range(2):  # rendering again replaces what is there
        python("-m", "benchmarks.render", str(file), "--docs", str(tmp_path))
    check_page(tmp_path, rows)


def check_figures(cases: list[Case], rows: list[Row]) -> None:
    """Every layer of its family has a figure in each case."""
    by_title = {(row.case, row.title): row for row in rows}
    for case in cases:
        subjects = {subject.name for subject in of_family(case.family) if case.takes(subject)}
        for metric in case.metrics:
            best = by_title[case.name, metric.title].best
            assert best.keys() == subjects, case.name
            # No query is what is asked for, and tables that are not logged may need no WAL.
            may_be_none = metric.bars.get("") == 0 or metric.title.endswith("bytes of WAL")
            least = 0 if may_be_none else 1e-9
            assert all(figure >= least for figure in best.values()), (case.name, metric, best)


def check_page(folder: Path, rows: list[Row]) -> None:
    """Each table stands there once, with its plot."""
    page = (folder / "benchmarks.md").read_text()
    for family, grouped in groupby(rows, key=lambda row: row.family):
        listed = list(grouped)
        assert page.count(markdown(listed)) == 1
        image = f"images/benchmarks-{family}.svg"
        if listed[0].at is not None or compared(listed):
            assert page.count(image) == 1
            assert (folder / image).read_text().startswith("<?xml")


def test_a_page_without_the_markers_is_refused() -> None:
    with pytest.raises(Exception, match="figures: redis"):
        between_markers("<!-- figures: memory --><!-- end of figures: memory -->", "redis", "")


def test_a_missing_case_is_named() -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--only", "tape"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert ended.returncode == 2
    assert "no case begins with 'tape'" in ended.stderr


def row(**changes: Any) -> Row:
    values: dict[str, Any] = {
        "case": "redis.specific", "family": "redis", "title": "a channel", "unit": "msg/s",
        "better": "more", "best": {"fairway.redis": 6000.0, "peer": 100.0}, "rounds": {},
        "bars": {"peer": 60}, "compared": "ratio",
    }  # fmt: skip
    return Row(**{**values, **changes})


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, ["6,000", "100", "60× (≥ 60)"]),
        ({"bars": {"peer": 61}}, ["6,000", "100", "60× (≥ 61, missed)"]),
        ({"bars": {}}, ["6,000", "100", "60×"]),
        ({"better": "less", "bars": {"peer": 0.5}}, ["6,000", "100", "60× (≤ 0.5, missed)"]),
        ({"compared": "", "bars": {"": 5000}}, ["6,000 (≥ 5000)", "100", "–"]),
        ({"compared": "difference", "bars": {}}, ["6,000", "100", "+5,900"]),
        ({"best": {"peer": 100.0}}, ["–", "100", "–"]),
    ],
)
def test_a_line_says_how_ours_stands_beside_a_peer(
    changes: dict[str, Any], shown: list[str]
) -> None:
    whole = row()
    line = cells([whole, row(**changes)])[2]
    assert sorted(line[2:]) == sorted(shown)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.2512, "0.251"), (4.0, "4"), (99.94, "99.9"), (123.4, "123"), (193_456.0, "193,000")],
)
def test_numbers_show_what_repeats(value: float, text: str) -> None:
    assert number(value) == text
