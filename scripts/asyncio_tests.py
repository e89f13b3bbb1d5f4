"""Run the programs that have no Django where there is none: scripts/asyncio_tests.py

They get a light virtual environment of their own. `make test` runs the same tests where
Django is installed, and hides it from the programs there.
"""

from __future__ import annotations

import subprocess
import sys

import environment
import say

TESTS = ["tests/asyncio_programs"]


def main() -> None:
    python = environment.ensure(say.ROOT / ".venv-no-django", sys.executable, "test-asyncio")
    if environment.succeeds([str(python), "-c", "import django"]):
        say.give_up("something brought Django into .venv-no-django: it proves nothing there")
    say.step("programs without Django")
    command = [str(python), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", *TESTS]
    sys.exit(subprocess.run(command, cwd=say.ROOT).returncode)


if __name__ == "__main__":
    main()
