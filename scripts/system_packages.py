"""Install the Debian packages that the tests need: python3 scripts/system_packages.py

With `tutorial` behind it: what the own words of Channels' tutorial need besides.

The tests start servers of their own on free ports, so it doesn't matter whether Debian
has started the same ones as services.
"""

from __future__ import annotations

import os
import shutil
import sys
from glob import glob

import say

# The command that a test starts, and the Debian package that has it.
PACKAGES = {
    "chromium": "chromium",
    "mariadbd": "mariadb-server",
    "pgbouncer": "pgbouncer",
    "postgres": "postgresql",
    "redis-server": "redis-server",
}
# Channels' tutorial, in its own words, has Selenium drive the browser.
OF_TUTORIAL = {"chromedriver": "chromium-driver"}


def main() -> None:
    wanted = {**PACKAGES, **(OF_TUTORIAL if sys.argv[1:] == ["tutorial"] else {})}
    missing = [package for command, package in wanted.items() if not has(command)]
    if missing:
        install(missing, "the tests start them")


def has(command: str) -> bool:
    """Debian keeps servers out of an ordinary user's PATH; look where it puts them too."""
    folders = [os.environ.get("PATH", ""), "/usr/sbin", *glob("/usr/lib/postgresql/*/bin")]
    return shutil.which(command, path=os.pathsep.join(folders)) is not None


def install(packages: list[str], reason: str) -> None:
    names = " ".join(packages)
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        say.give_up(f"Missing: {names} ({reason}). Please run: sudo apt-get install {names}")
    say.step(f"installing {names} with apt-get ({reason}); once, it may take minutes")
    apt_get("update")
    apt_get("install", "--yes", "--no-install-recommends", *packages)


def apt_get(*arguments: str) -> None:
    # Another apt-get may be at work, as on a machine that has just started: wait for it.
    say.run(
        ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=300", *arguments],
        DEBIAN_FRONTEND="noninteractive",
    )


if __name__ == "__main__":
    main()
