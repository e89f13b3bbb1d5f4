"""Fixtures for tests that are to leave nothing behind: no thread, no error in the log."""

import gc
import threading
from collections.abc import Iterator

import pytest
from benchmarks.complaints import complaints_of

from waiting import wait_for


@pytest.fixture(autouse=True)
def complaints() -> Iterator[list[str]]:
    """Whatever asyncio or the layer logs as an error fails the test; clear it if expected."""
    with complaints_of(["asyncio", "fairway", "redis"]) as complaints:
        yield complaints.heard
        gc.collect()
    assert complaints.heard == []


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    wait_for(lambda: not _ours() - before, f"threads are left: {_ours() - before}")


def _ours() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name.startswith("fairway")}
