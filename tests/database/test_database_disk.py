"""A disk that fills, under a SQLite file."""

import asyncio
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from benchmarks.ledger import Fate, Ledger, fate_of
from database_support import MakeLayer, know

from fairway.database import DatabaseChannelLayer
from fairway.errors import StoreUnavailable

CAP_SYS_ADMIN = 21

#: Makes a disk of two megabytes of a folder; what it yields makes that larger.
Disk = Callable[[Path], AbstractContextManager[Callable[[], None]]]


@contextmanager
def tmpfs(folder: Path) -> Iterator[Callable[[], None]]:
    """A file system of its own."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    try:
        yield lambda: _run("mount", "-o", "remount,size=200m", str(folder))
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _run(*command: str) -> None:
    subprocess.run(command, check=True)


@contextmanager
def short_files(folder: Path) -> Iterator[Callable[[], None]]:
    """No file of this process may grow longer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 20, hard))
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def may_mount() -> bool:
    """Whether this process may mount file systems."""
    status = Path("/proc/self/status").read_text()
    capabilities = status.partition("CapEff:")[2].split()[0]
    return bool(int(capabilities, 16) >> CAP_SYS_ADMIN & 1)


@pytest.mark.parametrize("disk", [short_files, *([tmpfs] if may_mount() else [])])
async def test_a_full_disk_is_told(disk: Disk, make_layer: MakeLayer, tmp_path: Path) -> None:
    """Whoever sent hears of it; what was stored arrives; with room again, all goes on."""
    ledger = Ledger()
    with disk(tmp_path) as make_room:
        file = tmp_path / "db.sqlite3"
        know("small", {"ENGINE": "django.db.backends.sqlite3", "NAME": str(file)})
        layer = make_layer("small", capacity=10_000)
        while await send_much(ledger, layer) is Fate.STORED:
            pass
        await asyncio.to_thread(make_room)
        while await send_much(ledger, layer) is not Fate.STORED:
            pass
        while ledger.missing():
            ledger.received("work", await layer.receive("work"))
        await layer.close()
    ledger.check()
    print(ledger.fates())


async def send_much(ledger: Ledger, layer: DatabaseChannelLayer) -> Fate:
    sent = ledger.enter(["work"], "test")
    try:
        await layer.send("work", {**ledger.message(sent), "body": b"x" * 50_000})
    except StoreUnavailable as error:
        return ledger.settle(sent, fate_of(error))
    return ledger.settle(sent, Fate.STORED)
