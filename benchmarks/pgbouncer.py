"""A pgbouncer in transaction mode before a PostgreSQL server of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import TracebackType

from .leash import kill, leashed
from .ports import free_port
from .servers import wait_for_port


class PgBouncer:
    """A context manager; clients connect to ``port``."""

    def __init__(self, server_port: int, user: str = "postgres"):
        self.port = free_port()
        self._user = user
        self._server_port = server_port
        self._folder = Path(tempfile.mkdtemp(prefix="fairway-pgbouncer-"))

    def __enter__(self) -> PgBouncer:
        settings = self._folder / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\npostgres = host=127.0.0.1 port={self._server_port} "
            f"user={self._user}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\n"
            "auth_type = any\npool_mode = transaction\nunix_socket_dir =\n"
        )
        self._folder.chmod(0o755)
        program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        command = [program or "pgbouncer", "-q", str(settings)]
        if os.geteuid() == 0:
            command = ["setpriv", "--reuid=nobody", "--clear-groups", *command]
        self._process = leashed(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port, self._process)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        kill(self._process)
        shutil.rmtree(self._folder, ignore_errors=True)
