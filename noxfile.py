"""What was written for Channels, on versions of everything around it.

    nox --tags corners    the oldest of everything, and the newest; part of `make test`
    nox                   every Channels with every Django and every redis-py: `make matrix`
    nox --tags all        each of those on every Python, not on one in turn
    nox --list            what there is; one by its name: nox --session "channels(…)"

A combination is one that Django says it supports, on a Python that this machine has. Each
Python has one environment, and each version of a library a folder, which goes before the
environment's own on the path. So a combination costs no installation of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nox

sys.path.append(str(Path(__file__).parent / "scripts"))

import channels_matrix
from channels_matrix import Cell

nox.needs_version = ">=2024.10.9"
nox.options.tags = ["matrix"]

#: What doesn't depend on the versions is left to the whole suite: the browser, the databases,
#: and how long a worker that was killed keeps what it had taken.
TESTS = ["tests/channels", "--ignore=tests/channels/test_channels_tutorial.py"]
SELECTED = "not sqlite and not postgresql and not mariadb and not replaced"
#: They wait most of the time.
AT_ONCE = "2"


@nox.session(venv_backend="none")
@nox.parametrize(
    "cell",
    [nox.param(cell, id=str(cell), tags=tags) for cell, tags in channels_matrix.cells().items()],
)
def channels(session: nox.Session, cell: Cell) -> None:
    """What was written for Channels, on one version of everything."""
    python = channels_matrix.environment_on(cell.python)
    pytest = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", AT_ONCE]
    env = {"PYTHONPATH": channels_matrix.path(cell)}
    # What was said is shown where it failed.
    session.run(*pytest, *TESTS, "-k", SELECTED, env=env, silent=True, external=True)
