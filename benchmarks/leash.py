"""Servers that can't outlive whoever started them, and that die as in a crash of the machine.

python leash.py COMMAND… runs a command until its standard input ends: because the process
that started it closed that, or died without a word. Then the command is killed with all
that it started, those included that left its session (PostgreSQL's backends do).
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36

#: Seconds that killed processes may take to be gone.
_PATIENCE = 60


def leashed(command: Sequence[str], **options: Any) -> subprocess.Popen[Any]:
    """Start a command that :func:`kill` ends, and the end of this process too."""
    return subprocess.Popen(
        [sys.executable, "-E", "-S", __file__, *command],
        stdin=subprocess.PIPE,
        # Ctrl-C is for those who started us; they end us.
        start_new_session=True,
        **options,
    )


def kill(process: subprocess.Popen[Any]) -> None:
    """Kill a leashed command with all its processes, and return when they are gone."""
    if process.stdin is not None:
        process.stdin.close()
    process.wait(timeout=_PATIENCE)


def _main(command: Sequence[str]) -> int:
    # Whoever loses its parent becomes our child, so that we find it.
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    select.select([sys.stdin, os.pidfd_open(process.pid)], [], [])
    process.kill()  # which does nothing to one that has ended and been waited for
    code = process.wait()
    while orphans := _children():
        for pid in orphans:  # not waited for yet, so these ids are still theirs
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return code if code >= 0 else 128 - code


def _children() -> list[int]:
    with open(f"/proc/self/task/{os.getpid()}/children") as listed:
        return [int(pid) for pid in listed.read().split()]


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
