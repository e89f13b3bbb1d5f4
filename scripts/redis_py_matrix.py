"""Run what touches redis-py on each of its major versions: scripts/redis_py_matrix.py

Each gets a light virtual environment of its own, and all run at the same time. The major
that this Python has is left out: it runs the whole suite.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import environment
import say

MAJORS = [5, 6, 7, 8]
#: Connecting in every way there is, connections that break, silence, and the end.
TESTS = [
    "tests/redis/test_redis_silence.py",
    "tests/redis/test_redis_hosts.py",
    "tests/redis/test_redis_dropin.py",
    "tests/redis/test_redis_closing.py",
    "tests/redis/test_redis_faults.py::test_connections_cut_at_random_moments",
    "tests/redis/test_redis_faults.py::test_server_killed_and_restarted_with_its_data",
    "tests/redis/test_redis_loops.py::test_a_thousand_calls_from_threads",
]
#: They wait most of the time, so each environment runs several tests at once.
AT_ONCE = "3"


def main() -> None:
    here = int(version("redis").partition(".")[0])
    majors = [major for major in MAJORS if major != here]
    pythons = {major: ensure(major) for major in majors}
    say.step(f"the Redis layer on redis-py {', '.join(map(str, majors))}")
    running = {major: start(python) for major, python in pythons.items()}
    failed = [major for major, process in running.items() if not passes(major, process)]
    if failed:
        say.give_up(f"failed on redis-py {', '.join(map(str, failed))}")


def ensure(major: int) -> Path:
    """The Python of an environment with this major version of redis-py."""
    folder = say.ROOT / f".venv-redis-{major}"
    python = environment.ensure(folder, sys.executable, "test-core")
    stamp = folder / "redis-and-its-peer.installed"
    if not stamp.exists():
        say.step(f"installing redis-py {major} into {folder.name}")
        pip = [str(python), "-m", "pip", "--disable-pip-version-check", "install"]
        peer = "channels-redis[cryptography]"
        say.run([*pip, f"redis=={major}.*", "hiredis", "uvloop", peer])
        stamp.touch()
    return python


def start(python: Path) -> subprocess.Popen[str]:
    pytest = [str(python), "-m", "pytest", "-q", "-n", AT_ONCE, "-p", "no:cacheprovider"]
    return subprocess.Popen(
        [*pytest, *TESTS],
        cwd=say.ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def passes(major: int, process: subprocess.Popen[str]) -> bool:
    """Wait for the end; what was said is shown where it failed."""
    said, _ = process.communicate()
    if process.returncode:
        print(said, flush=True)
    say.step(f"redis-py {major}: {said.strip().splitlines()[-1]}")
    return process.returncode == 0


if __name__ == "__main__":
    main()
