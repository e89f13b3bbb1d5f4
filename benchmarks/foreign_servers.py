"""Servers of other Debian releases, unpacked into a cache: python -m benchmarks.foreign_servers

This release has no MySQL and one PostgreSQL, not the oldest that the layer serves. Others have
them. Nothing of what is fetched here is installed: apt-get checks the packages' signatures and
finds what they need, each server runs on the libraries that came with it, and deleting the
folder undoes it all. It needs no rights.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_MIRROR = "http://deb.debian.org/debian"
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_READY = "ready"


@dataclass(frozen=True)
class Foreign:
    """A server of another release."""

    name: str
    title: str
    release: str
    package: str
    #: Where its programs lie, and those that we start or that they start.
    programs: str
    commands: tuple[str, ...]


MYSQL = Foreign("mysql", "MySQL 8 or later", "sid", "mysql-server-core", "usr/sbin", ("mysqld",))
OLDEST_POSTGRESQL = Foreign(
    "postgresql-13", "PostgreSQL 13", "bullseye", "postgresql-13",
    "usr/lib/postgresql/13/bin", ("initdb", "postgres"),
)  # fmt: skip


class Missing(Exception):
    """A server can't be had here; the text says what to do."""


def folder_of(server: Foreign) -> Path:
    """Where a server is unpacked. All users may start what root unpacked."""
    above = Path("/var/cache") if os.geteuid() == 0 else Path.home() / ".cache"
    return above / "fairway-servers" / server.name


def program(server: Foreign, command: str) -> str:
    """The path of one of a server's commands: unpacked, or whatever runs by its name here."""
    folder = folder_of(server)
    if (folder / _READY).exists():
        return str(folder / server.programs / command)
    if found := _native(server, command):
        return found
    raise Missing(f"{server.title} is not there: run python -m benchmarks.foreign_servers")


@cache
def _native(server: Foreign, command: str) -> str | None:
    """A command of the machine's own; MariaDB's ``mysqld`` is none of MySQL's."""
    found = shutil.which(command, path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if server is not MYSQL or found is None:
        return None
    said = subprocess.run([found, "--no-defaults", "--version"], capture_output=True, text=True)
    return None if "MariaDB" in said.stdout else found


def unpack(server: Foreign) -> None:
    """Fetch a server and all that it needs, unless it is there; :class:`Missing` where it can't."""
    folder = folder_of(server)
    if (folder / _READY).exists() or _native(server, server.commands[0]):
        return
    if shutil.which("apt-get") is None or not _KEYS.exists():
        raise Missing(
            f"Missing: {server.title}, which comes from Debian ({server.release}); this is no "
            f"Debian with its keys in {_KEYS}. Please install it, with "
            f"{' and '.join(server.commands)} in the PATH"
        )
    print(f"==> unpacking {server.title} from Debian {server.release} into {folder}", flush=True)
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)  # what an earlier attempt left
    packages = _fetch(server, folder / "apt")
    for package in packages:
        _run(["dpkg-deb", "--extract", str(package), str(folder)])
    for command in server.commands:
        _wrap(folder, folder / server.programs / command)
    shutil.rmtree(folder / "apt")
    (folder / _READY).touch()


def _fetch(server: Foreign, folder: Path) -> list[Path]:
    """Have apt-get download a package and all it depends on, as for an empty machine."""
    for part in ("etc/preferences.d", "lists/partial", "cache/archives/partial"):
        (folder / part).mkdir(parents=True)
    (folder / "status").touch()
    sources = folder / "etc" / "sources.list"
    sources.write_text(f"deb [signed-by={_KEYS}] {_MIRROR} {server.release} main\n")
    options = {
        "Dir::Etc": f"{folder}/etc", "Dir::Etc::sourcelist": sources,
        "Dir::Etc::sourceparts": f"{folder}/none", "Dir::State": folder,
        "Dir::State::status": f"{folder}/status", "Dir::State::lists": f"{folder}/lists",
        "Dir::Cache": f"{folder}/cache", "APT::Install-Recommends": "0",
        "APT::Sandbox::User": "", "Acquire::Retries": "3", "Debug::NoLocking": "1",
    }  # fmt: skip
    apt_get = ["apt-get", "-q", *(w for k, v in options.items() for w in ("-o", f"{k}={v}"))]
    _run([*apt_get, "update"])
    _run([*apt_get, "--yes", "--download-only", "install", server.package])
    return sorted((folder / "cache" / "archives").glob("*.deb"))


def _wrap(folder: Path, program: Path) -> None:
    """Have a program run with the loader and the libraries that came with it."""
    real = program.with_name(f"{program.name}.unpacked")
    program.rename(real)
    libraries = [*folder.glob("lib/*-linux-gnu*"), *folder.glob("usr/lib/*-linux-gnu*")]
    loader = next(found for library in libraries for found in library.glob("ld-linux*"))
    path = ":".join(map(str, libraries))
    program.write_text(f'#!/bin/sh\nexec {loader} --library-path {path} {real} "$@"\n')
    program.chmod(0o755)


def _run(command: list[str]) -> None:
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise Missing(f"{done.stdout}\n==> this failed, see above: {' '.join(command)}")


def main() -> None:
    """Unpack every server that isn't there."""
    try:
        for server in (MYSQL, OLDEST_POSTGRESQL):
            unpack(server)
    except Missing as missing:
        sys.exit(str(missing))


if __name__ == "__main__":
    main()
