"""Run the tests of the drop-in for Channels on versions of everything around it.

    scripts/channels_matrix.py              every supported combination, and a table of them
    scripts/channels_matrix.py --corners    the oldest of everything, and the newest

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
from itertools import product
from pathlib import Path
from typing import NamedTuple

import environment
import interpreters
import say

CHANNELS = ["4.0", "4.1", "4.2", "4.3"]
DJANGO = ["4.2", "5.0", "5.1", "5.2", "6.0", "6.1"]
REDIS = ["5", "6", "7", "8"]

VERSIONS = say.ROOT / ".venv-versions"
#: Browsers and databases are the same in all of them: the whole suite has those.
TESTS = ["tests/channels", "--ignore=tests/channels/test_channels_tutorial.py"]
SELECTED = "not sqlite and not postgresql and not mariadb"
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
    cells = list(supported(found))
    if sys.argv[1:] == ["--corners"]:
        cells = sorted({min(cells, key=age), max(cells, key=age)})
    pythons = {minor: ensure(minor, found[minor]) for minor in {cell.python for cell in cells}}
    say.step(f"the drop-in for Channels in {len(cells)} combinations, {AT_ONCE} at a time")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        passed = list(pool.map(lambda cell: passes(pythons[cell.python], cell), cells))
    print("\n".join(table(dict(zip(cells, passed, strict=True)))))
    if not all(passed):
        say.give_up(f"{passed.count(False)} of {len(cells)} combinations failed, see above")


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
        alone = ["--no-deps"] if name == "channels" else []  # it would bring a Django
        say.run([*pip, *options, *alone, f"{name}=={version}.*"])
        stamp.touch()
    return folder


def pythons_of(folder: Path) -> set[int]:
    """The minor versions of Python that a library says it supports."""
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
    """A row for each Channels and Django, a column for each Python: redis-py's versions."""
    minors = sorted({cell.python for cell in passed})
    yield "| Channels | Django | " + " | ".join(f"Python 3.{minor}" for minor in minors) + " |"
    yield "|---" * (2 + len(minors)) + "|"
    for channels, django in product(CHANNELS, DJANGO):
        columns = [column(passed, minor, channels, django) for minor in minors]
        if any(columns):
            yield f"| {channels} | {django} | " + " | ".join(columns) + " |"


def column(passed: dict[Cell, bool], minor: int, channels: str, django: str) -> str:
    cells = [Cell(minor, channels, django, redis) for redis in REDIS]
    marks = [cell.redis if passed[cell] else f"**{cell.redis} fails**" for cell in cells
             if cell in passed]  # fmt: skip
    return " ".join(marks)


if __name__ == "__main__":
    main()
