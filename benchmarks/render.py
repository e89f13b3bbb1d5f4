"""Write a run's tables and plots into the documentation.

python -m benchmarks.render FILE.json …: a later file replaces cases of an earlier one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import click

from .plots import compared, draw, draw_growth
from .results import Report, Row
from .tables import markdown, title

DOCS = Path(__file__).parent.parent / "docs"


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--docs", default=DOCS, type=click.Path(path_type=Path), help="Where the pages are.")
def main(files: tuple[Path, ...], docs: Path) -> None:
    """Render FILES, written by `python -m benchmarks --out`, into docs/benchmarks.md."""
    page = docs / "benchmarks.md"
    text = page.read_text()
    images = docs / "images"
    images.mkdir(exist_ok=True)
    reports = [Report.load(file) for file in files]
    for family, rows in groupby(latest(reports), key=lambda row: row.family):
        listed = list(rows)
        parts = [machine(reports[-1]), markdown(listed), *picture(family, listed, images)]
        text = between_markers(text, family, "\n\n".join(parts))
    page.write_text(text)


def picture(family: str, rows: list[Row], images: Path) -> list[str]:
    """The plot of a family, drawn and linked; none where ours has no peer."""
    image = images / f"benchmarks-{family}.svg"
    if rows[0].at is not None:
        draw_growth(rows, title(family), image)
    elif beside := compared(rows):
        draw(beside, title(family), image)
    else:
        return []
    return [f"![{title(family)}](images/{image.name})"]


def latest(reports: Iterable[Report]) -> list[Row]:
    """The rows of all reports, each as the last one has it."""
    rows: dict[tuple[str, str], Row] = {}
    for report in reports:
        rows.update({(row.case, row.title): row for row in report.rows})
    return list(rows.values())


def machine(report: Report) -> str:
    """One line about where and on what the figures were found."""
    facts = [f"{name} {value}" for name, value in report.machine.items() if name != "date"]
    return f"Measured {report.machine['date']}; {', '.join(facts)}."


def between_markers(text: str, name: str, content: str) -> str:
    """``text`` with what stands between the markers of ``name`` replaced by ``content``."""
    opening, closing = f"<!-- figures: {name} -->", f"<!-- end of figures: {name} -->"
    pattern = re.compile(f"{re.escape(opening)}.*?{re.escape(closing)}", re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise click.ClickException(f"the page has no single place for {name}: {opening}")
    return pattern.sub(lambda _: f"{opening}\n{content}\n{closing}", text)


if __name__ == "__main__":
    main()
