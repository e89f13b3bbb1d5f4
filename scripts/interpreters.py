"""Which of the Pythons that Fairway supports this machine has."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

MINORS = range(10, 15)  # Python 3.10 to 3.14


def find() -> dict[int, str]:
    """Minor version to interpreter, oldest first."""
    found = {minor: first_that_runs(minor) for minor in MINORS}
    return {minor: interpreter for minor, interpreter in found.items() if interpreter}


def first_that_runs(minor: int) -> str | None:
    return next((str(path) for path in candidates(minor) if runs(path, minor)), None)


def candidates(minor: int) -> Iterator[Path]:
    name = f"python3.{minor}"
    for folder in os.get_exec_path():
        yield Path(folder, name)
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(pyenv.glob(f"versions/3.{minor}.*/bin/{name}"), reverse=True)


def runs(path: Path, minor: int) -> bool:
    """Whether it is really that Python: pyenv's shims stand there for versions not chosen."""
    if not path.exists():
        return False
    ask = [str(path), "-c", "import sys; print(sys.version_info[1])"]
    answer = subprocess.run(ask, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return answer.stdout.strip() == str(minor)
