"""A channel layer on a directory of files: every process that can open it takes part.

    channels/@NAME/NUMBER     a message: its bytes, and, as the file's time, when it was put
    groups/@NAME/@CHANNEL     a membership: the time at which it ends
    nodes/@ID                 locked by the process of this node, for as long as it lives

The @ is there because "." and ".." are names of channels as good as any.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from fairway.forking import begin_after_fork
from fairway.layer import ChannelLayer
from fairway.polled import PolledStore


class DirectoryChannelLayer(ChannelLayer):
    """``directory`` is made if it isn't there; other options: see :class:`ChannelLayer`."""

    def __init__(self, directory: str, **options: Any):
        self.directory = Path(directory)
        super().__init__(**options)

    def _make_store(self, node: str) -> DirectoryStore:
        return DirectoryStore(self, node)


class DirectoryStore(PolledStore):
    def __init__(self, layer: DirectoryChannelLayer, node: str):
        super().__init__(layer, node)
        self._root = layer.directory
        self._channels = self._root / "channels"
        self._groups = self._root / "groups"
        self._nodes = self._root / "nodes"
        self._life: int | None = None
        begin_after_fork(self)

    @contextmanager
    def alone(self) -> Iterator[None]:
        for folder in (self._channels, self._groups, self._nodes):
            folder.mkdir(parents=True, exist_ok=True)
        with (self._root / "lock").open("w") as lock:  # each thread opens it for itself
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    # -- messages -----------------------------------------------------------------------

    def channels(self) -> list[str]:
        return _names(self._channels)

    def unread(self, channel: str) -> list[tuple[str, float]]:
        files = _files(self._channels / f"@{channel}")
        return [(file.name, file.stat().st_mtime) for file in files]

    def put(self, channel: str, body: bytes) -> None:
        folder = self._channels / f"@{channel}"
        folder.mkdir(exist_ok=True)
        number = max((int(file.name) for file in folder.iterdir()), default=0) + 1
        (folder / f"{number:012}").write_bytes(body)

    def take(self, channel: str, key: str) -> bytes:
        file = self._channels / f"@{channel}" / key
        body = file.read_bytes()
        _remove(file)
        return body

    # -- groups -------------------------------------------------------------------------

    def groups(self) -> list[str]:
        return _names(self._groups)

    def members(self, group: str) -> dict[str, float]:
        files = _files(self._groups / f"@{group}")
        return {file.name[1:]: float(file.read_text()) for file in files}

    def add_member(self, group: str, channel: str, until: float) -> None:
        folder = self._groups / f"@{group}"
        folder.mkdir(exist_ok=True)
        (folder / f"@{channel}").write_text(str(until))

    def remove_member(self, group: str, channel: str) -> None:
        _remove(self._groups / f"@{group}" / f"@{channel}")

    def clear(self) -> None:
        shutil.rmtree(self._channels)
        shutil.rmtree(self._groups)

    # -- nodes --------------------------------------------------------------------------

    def begin_to_live(self) -> None:
        # The system takes a lock from a process that ends, however it ends.
        self._life = os.open(self._nodes / f"@{self.node}", os.O_CREAT | os.O_RDWR)
        fcntl.flock(self._life, fcntl.LOCK_EX)

    def end_to_live(self) -> None:
        life, self._life = self._life, None
        if life is not None:
            os.close(life)

    def begin_after_fork(self) -> None:
        self.end_to_live()  # a child that has it open too would keep its parent's node alive

    def living(self) -> list[str]:
        for file in _files(self._nodes):
            with file.open() as life, suppress(BlockingIOError):
                fcntl.flock(life, fcntl.LOCK_EX | fcntl.LOCK_NB)
                file.unlink()  # nobody held it
        return _names(self._nodes)


def _files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def _names(folder: Path) -> list[str]:
    return [file.name[1:] for file in _files(folder)]


def _remove(file: Path) -> None:
    """Remove a file, and its folder with the last one."""
    file.unlink(missing_ok=True)
    with suppress(OSError):
        file.parent.rmdir()
