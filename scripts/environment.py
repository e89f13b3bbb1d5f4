"""Make the clone's virtual environment: python3 scripts/environment.py EXTRA

EXTRA is one of pyproject.toml's optional dependencies. Nothing is done when the
environment already has it, as pyproject.toml now is.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import say
import system_packages

OLDEST = (3, 10)
DEFAULT = say.ROOT / ".venv"

# Extras that include another one: whoever has those need not install it.
INCLUDED_IN = {
    "dev": ["tutorial"],
    "server": ["dev"],
    "sqlite": ["dev"],
    "test-channels": ["dev"],
    "test-core": ["dev"],
}


def main() -> None:
    if sys.version_info < OLDEST:
        say.give_up(
            f"Fairway needs Python 3.10 or newer and {sys.executable} is"
            f" {sys.version_info[0]}.{sys.version_info[1]}."
            " Please name a newer one: make PYTHON=python3.12 …"
        )
    if (
        len(sys.argv) != 2
        or f"\n{sys.argv[1]} = [" not in (say.ROOT / "pyproject.toml").read_text()
    ):
        say.give_up(f"{' '.join(sys.argv[1:]) or 'nothing'} is no extra of pyproject.toml")
    ensure(DEFAULT, sys.executable, sys.argv[1])


def ensure(folder: Path, interpreter: str, extra: str) -> Path:
    """The Python of a virtual environment that has Fairway, editable, with the extra."""
    python = folder / "bin" / "python"
    if not works(python):
        create(folder, interpreter)
    if not is_installed(folder, extra):
        install(folder, extra)
    return python


def works(python: Path) -> bool:
    """Whether the environment was made to the end and its interpreter is still there."""
    return python.exists() and succeeds([str(python), "-c", "import pip"])


def create(folder: Path, interpreter: str) -> None:
    say.step(f"making a virtual environment in {folder.name}")
    if not succeeds([interpreter, "-c", "import ensurepip, venv"]):
        system_packages.install([venv_package(interpreter)], "to make virtual environments")
    say.run([interpreter, "-m", "venv", "--clear", str(folder)])


def venv_package(interpreter: str) -> str:
    """Debian's package of the part of Python that Debian leaves out."""
    version = "import sys; print('python%d.%d-venv' % sys.version_info[:2])"
    return subprocess.check_output([interpreter, "-c", version], text=True).strip()


def is_installed(folder: Path, extra: str) -> bool:
    stamps = [stamp(folder, name) for name in (extra, *INCLUDED_IN.get(extra, []))]
    return any(path.exists() and path.read_text() == digest() for path in stamps)


def install(folder: Path, extra: str) -> None:
    say.step(f"installing fairway[{extra}] into {folder.name}; once, it may take minutes")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    say.run([*pip, "install", "--editable", f".[{extra}]"])
    stamp(folder, extra).write_text(digest())


def stamp(folder: Path, extra: str) -> Path:
    return folder / f"fairway-{extra}.installed"


def digest() -> str:
    """What an installation depends on: the requirements, and where the clone lies."""
    requirements = (say.ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(requirements + str(say.ROOT).encode()).hexdigest()


def succeeds(command: list[str]) -> bool:
    quiet = subprocess.DEVNULL
    return subprocess.run(command, stdin=quiet, stdout=quiet, stderr=quiet).returncode == 0


if __name__ == "__main__":
    main()
