"""Run the tests of the drop-in for Channels on versions of everything around it.

    scripts/channels_matrix.py              every Channels with every Django and every redis-py
    scripts/channels_matrix.py --corners    the oldest of everything, and the newest
    scripts/channels_matrix.py --all        each of those on every Python, not on one in turn

The end is a table of what ran. A combination is one that Django says it supports.

Each Python has one environment, and each version of a library a folder, which goes before
the environment's own on the path. So a combination costs no installation of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.parser import HeaderParser
from itertools import groupby, product
from pathlib import Path
from typing import NamedTuple

import environment
import interpreters
import say

CHANNELS = ["4.0", "4.1", "4.2", "4.3"]
DJANGO = ["4.2", "5.0", "5.1", "5.2", "6.0", "6.1"]
REDIS = ["5", "6", "7", "8"]

VERSIONS = say.ROOT / ".venv-versions"
#: What doesn't depend on the versions is left to the whole suite: the browser, the databases,
#: and how long a worker that was killed keeps what it had taken.
TESTS = ["tests/channels", "--ignore=tests/channels/test_channels_tutorial.py"]
SELECTED = "not sqlite and not postgresql and not mariadb and not replaced"
AT_ONCE = 2


class Cell(NamedTuple):
    """One combination; Python by its minor version."""

    python: int
    channels: str
    django: str
    redis: str

    def __str__(self) -> str:
        return (
            f"Python 3.{self.python}, Channels {self.channels}, Django {self.django}, "
            f"redis-py {self.redis}"
        )


def main() -> None:
    found = interpreters.find()
    cells = chosen(list(supported(found)), sys.argv[1:])
    pythons = {minor: ensure(minor, found[minor]) for minor in {cell.python for cell in cells}}
    say.step(f"what was written for Channels, in {len(cells)} combinations, {AT_ONCE} at a time")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(lambda cell: passes(pythons[cell.python], cell), cells))
    print("\n".join(table(dict(zip(cells, passed, strict=True)))))
    if not all(passed):
        say.give_up(f"{passed.count(False)} of {len(cells)} combinations failed, see above")


# -- choosing -----------------------------------------------------------------------------------


def chosen(cells: list[Cell], arguments: list[str]) -> list[Cell]:
    if arguments == ["--all"]:
        return cells
    if arguments == ["--corners"]:
        return corners(cells)
    if arguments:
        say.give_up(f"{' '.join(arguments)} is none of: --corners, --all")
    return list(dict.fromkeys([*corners(cells), *on_pythons_in_turn(cells)]))


def corners(cells: list[Cell]) -> list[Cell]:
    return [min(cells, key=age), max(cells, key=age)]


def on_pythons_in_turn(cells: list[Cell]) -> Iterator[Cell]:
    """One cell for all that can be chosen besides Python."""
    by_rest = groupby(sorted(cells, key=lambda cell: cell[1:]), key=lambda cell: cell[1:])
    for turn, (_, same) in enumerate(by_rest):
        on = list(same)
        # One further with every Django, or each redis-py would always meet the same.
        yield on[(turn + turn // len(REDIS)) % len(on)]


def supported(minors: Iterable[int]) -> Iterator[Cell]:
    """Every combination in which Django supports the Python."""
    supporting = {version: pythons_of(library("Django", version)) for version in DJANGO}
    for cell in product(minors, CHANNELS, DJANGO, REDIS):
        if cell[0] in supporting[cell[2]]:
            yield Cell(*cell)


def age(cell: Cell) -> tuple[object, ...]:
    """Orders cells so that the oldest of everything comes first."""
    return DJANGO.index(cell.django), cell.channels, cell.redis, cell.python


# -- installing ---------------------------------------------------------------------------------


def ensure(minor: int, interpreter: str) -> Path:
    """The Python of the environment that all cells of a Python share."""
    ours = minor == sys.version_info[1]
    folder = environment.DEFAULT if ours else say.ROOT / f".venv-3.{minor}"
    return environment.ensure(folder, interpreter, "test-channels")


def library(name: str, version: str) -> Path:
    """The folder of one version."""
    folder = VERSIONS / f"{name.lower()}-{version}"
    stamp = folder / "installed"
    if not stamp.exists():
        say.step(f"installing {name} {version} into {folder.parent.name}")
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install"]
        # Django 6 doesn't install on the Python of this script, yet runs on another one.
        options = ["--ignore-requires-python", "--upgrade", "--target", str(folder)]
        # What they need is in each environment, in the version that its Python takes.
        alone = ["--no-deps"] if name in ("channels", "Django") else []
        say.run([*pip, *options, *alone, f"{name}=={version}.*"])
        stamp.touch()
    return folder


def pythons_of(folder: Path) -> set[int]:
    """The minor versions of Python that the Django in a folder says it supports."""
    (metadata,) = folder.glob("*.dist-info/METADATA")
    said = HeaderParser().parsestr(metadata.read_text()).get_all("Classifier", [])
    versions = [classifier.rpartition(":: 3.")[2] for classifier in said if ":: 3." in classifier]
    return {int(minor) for minor in versions}


# -- running ------------------------------------------------------------------------------------


def passes(python: Path, cell: Cell) -> bool:
    """Run one cell; what was said is shown where it failed."""
    pytest = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    ran = subprocess.run(
        [*pytest, *TESTS, "-k", SELECTED],
        cwd=say.ROOT,
        env={**os.environ, "PYTHONPATH": path(cell)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if ran.returncode:
        print(ran.stdout, flush=True)
    say.step(f"{cell}: {ran.stdout.strip().splitlines()[-1]}")
    return ran.returncode == 0


def path(cell: Cell) -> str:
    chosen = {"channels": cell.channels, "Django": cell.django, "redis": cell.redis}
    return os.pathsep.join(str(library(*each)) for each in chosen.items())


# -- the table ----------------------------------------------------------------------------------


def table(passed: dict[Cell, bool]) -> Iterator[str]:
    """A row for each Channels, a column for each Django: Pythons, and redis-py after a +."""
    yield "| Channels | " + " | ".join(f"Django {django}" for django in DJANGO) + " |"
    yield "|---" * (1 + len(DJANGO)) + "|"
    for channels in CHANNELS:
        columns = [entry(passed, channels, django) for django in DJANGO]
        yield f"| {channels} | " + " | ".join(columns) + " |"


def entry(passed: dict[Cell, bool], channels: str, django: str) -> str:
    marks = {True: "", False: " **fails**"}
    return ", ".join(
        f"3.{cell.python}+{cell.redis}{marks[succeeded]}"
        for cell, succeeded in sorted(passed.items())
        if (cell.channels, cell.django) == (channels, django)
    )


if __name__ == "__main__":
    main()
