"""Run the core's tests on the oldest and the newest Python here: scripts/core_tests.py

Each gets a light virtual environment of its own. The Python that runs this script is
left out: it runs the whole suite.
"""

from __future__ import annotations

import subprocess
import sys

import environment
import interpreters
import say

TESTS = ["tests/test_structure.py", "tests/core", "tests/memory", "tests/conformance"]


def main() -> None:
    found = interpreters.find()
    minors = chosen(list(found))
    if not minors:
        say.step("the core's tests on other Pythons: this machine has no other")
    for minor in minors:
        python = environment.ensure(say.ROOT / f".venv-3.{minor}", found[minor], "test-core")
        say.step(f"the core's tests on Python 3.{minor}")
        command = [str(python), "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
        failed = subprocess.run([*command, *TESTS], cwd=say.ROOT).returncode
        if failed:
            sys.exit(failed)


def chosen(minors: list[int]) -> list[int]:
    ends = {min(minors), max(minors)} if minors else set()
    return sorted(ends - {sys.version_info[1]})


if __name__ == "__main__":
    main()
