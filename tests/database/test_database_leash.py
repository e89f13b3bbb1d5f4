"""The servers of these tests end with whoever started them, however that ends."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from benchmarks.leash import kill, leashed
from database_support import wait_for

ROOT = Path(__file__).parents[2]

#: Leaves its session and its parent, as the backends of PostgreSQL do, and says who it is.
FAMILY = [
    sys.executable,
    "-c",
    "import os, time\n"
    "if not os.fork(): os.setsid()\n"
    "os.write(1, b'%d\\n' % os.getpid())\n"
    "time.sleep(600)",
]

STARTER = textwrap.dedent("""
    import sys
    from benchmarks.leash import leashed
    leashed(sys.argv[1:])
    sys.stdin.read()
""")


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_killed_with_all_its_processes() -> None:
    process = leashed(FAMILY, stdout=subprocess.PIPE)
    pids = [int(process.stdout.readline()) for _ in range(2)]
    assert all(map(lives, pids))
    kill(process)
    assert not any(map(lives, pids))
    process.stdout.close()


def test_killed_when_its_starter_dies_without_a_word() -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, *FAMILY],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    pids = [int(starter.stdout.readline()) for _ in range(2)]
    starter.send_signal(signal.SIGKILL)
    wait_for(lambda: not any(map(lives, pids)), f"one of {pids} is left")
    starter.communicate()


@pytest.mark.parametrize("code", [0, 3])
def test_its_exit_code_is_the_commands(code: int) -> None:
    process = leashed(["sh", "-c", f"exit {code}"])
    assert process.wait() == code
    kill(process)
