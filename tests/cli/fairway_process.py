"""The command ``fairway`` as a user starts it: a process, with what it says."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

APPS = Path(__file__).parent / "apps"
PATIENCE = 30.0  # seconds; a busy machine may take its time


def finished(*arguments: str, cwd: Path = APPS) -> subprocess.CompletedProcess[str]:
    """Run ``fairway`` to its end; everything it says is in ``stdout``."""
    return subprocess.run(
        [sys.executable, "-m", "fairway", *arguments],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )


def eventually(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, f"not within {PATIENCE:g} seconds: {what}"
        time.sleep(0.02)


class Running:
    """``fairway`` with ``arguments``, killed at the end of the ``with`` block if need be."""

    def __init__(self, *arguments: str, cwd: Path = APPS, module: str = "fairway"):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", module, *arguments],
            cwd=cwd,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> "Running":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout):
            stream.close()

    def _read(self) -> None:
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def wait_for(self, pattern: str) -> str:
        """The first part of a line, from now on, that matches."""
        while True:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                line = None
            assert line is not None, f"never said {pattern!r}, only:\n{''.join(self.said)}"
            self.said.append(line)
            found = re.search(pattern, line)
            if found:
                return found.group()

    def rest(self) -> list[str]:
        """All lines that nobody waited for, until its end."""
        return list(iter(lambda: self._lines.get(timeout=PATIENCE), None))

    def url(self) -> str:
        """Where it serves, once it says so."""
        return self.wait_for(r"http://127\.0\.0\.1:\d+")

    def answer(self) -> None:
        """Let a consumer that waits for its input go on."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def all_said(self) -> str:
        """All that it ever said; waits for its end."""
        self._reader.join(PATIENCE)
        while (line := self._lines.get(timeout=PATIENCE)) is not None:
            self.said.append(line)
        return "".join(self.said)

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def exit_code(self) -> int:
        return self.process.wait(PATIENCE)


def get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=PATIENCE) as response:
        return response.read().decode()


def is_refused(url: str) -> bool:
    """Whether nobody listens there any more."""
    try:
        get(url)
    except urllib.error.URLError as error:
        return isinstance(error.reason, ConnectionRefusedError)
    except ConnectionError:
        return False
    return False


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    if not Path("/proc/self").exists():
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    # A child of nobody here is a zombie until init has reaped it.
    return state.rpartition(")")[2].split()[0] != "Z"
