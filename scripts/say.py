"""How the set-up scripts talk: one line per step; a command's output only when it fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent


def step(text: str) -> None:
    print(f"==> {text}", flush=True)


def give_up(text: str) -> NoReturn:
    sys.exit(f"==> {text}")


def run(command: list[str], **environment: str) -> None:
    """Run a command in the clone without a word; if it fails, show all it said and stop."""
    finished = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    if finished.returncode:
        print(finished.stdout, flush=True)
        give_up(f"this failed, see above: {' '.join(command)}")
