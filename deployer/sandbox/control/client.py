"""The client side of a sandbox: start it, query it, reset it, end it.

Imports no AWS libraries, so that the command line starts fast.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import secrets
import select
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from deployer.sandbox.control import environment as env
from deployer.sandbox.control import processes, server
from deployer.sandbox.control.options import Options
from deployer.sandbox.control.state import MARK, Places, SandboxState, load, resolve
from deployer.sandbox.faults import FaultClient
from reconciler.errors import Refused, ToolError

_UP_SECONDS = {"processes": 120.0, "container": 600.0}
_DOWN_SECONDS = 30.0


@dataclass(frozen=True)
class Sandbox:
    """The sandbox of one directory, running or not; its state is read again at every call."""

    places: Places

    @staticmethod
    def at(directory: str | Path | None = None) -> Sandbox:
        """The sandbox in `directory`, else in $SANDBOX_DIR, else in the user's default one."""
        return Sandbox(resolve(directory))

    def up(self, options: Options | None = None) -> bool:
        """Start it and wait until it is ready; False if it already ran.

        First cleans up what an earlier, killed sandbox left in the directory.

        Raises ConfigError (the directory is not a sandbox's), Refused (it runs with other
        options), ToolError with the end of the log when it does not start.
        """
        wanted = options or Options()
        with self._locked():
            state = load(self.places)
            if state is not None and state.is_alive():
                self._refuse_other(state, wanted)
                return False
            self._clean(state.run if state else "")
            self._start(wanted)
        return True

    def down(self) -> bool:
        """End the sandbox and remove its files; False if there was nothing to end.

        Raises ConfigError if the directory is not a sandbox's.
        """
        if not self.places.root.is_dir():
            return False
        with self._locked():
            state = load(self.places)
            if state is not None and state.is_alive():
                processes.end(state.pid, _DOWN_SECONDS)
            self._clean(state.run if state else "")
            self.places.remove()
        return state is not None

    def reset(self) -> None:
        """Restore the initial state; endpoint, address range and configuration stay valid."""
        self.ask("/reset")

    def state(self) -> SandboxState:
        """Its state while it is ready.

        Raises Refused if it is not.
        """
        state = load(self.places)
        if state is None or not state.is_alive():
            raise Refused(f"no sandbox runs in {self.places.root}", cure="deployer sandbox up")
        if not state.is_ready:
            raise Refused(f"the sandbox in {self.places.root} is still starting")
        return state

    @property
    def endpoint(self) -> str:
        """The URL of its AWS API."""
        return self.state().endpoint

    def faults(self) -> FaultClient:
        """A client that injects faults and reads the recorded requests."""
        state = self.state()
        return FaultClient(state.endpoint, state.access_key)

    def environment(self) -> dict[str, str]:
        """The variables to add to a client's environment (`environment.apply` also unsets some)."""
        return env.environment(self.state(), self.places)

    def process_environment(self) -> dict[str, str]:
        """The whole environment of a process that uses the sandbox."""
        return env.apply(os.environ, self.environment())

    def status(self) -> dict[str, Any]:
        """What runs in the sandbox (`status.StatusReader.report`)."""
        return cast("dict[str, Any]", self.ask("/status"))

    def logs(self, instance: str) -> str:
        """The console of a machine, then the output of its units."""
        return cast("str", self.ask("/logs", instance=instance))

    def superuser_url(self, database: str) -> str:
        """The URL of the database server's owner, which no client of the company has."""
        return cast("str", self.ask("/superuser", database=database))

    def ask(self, path: str, **query: str) -> Any:
        """Send a request to the daemon's control server."""
        state = self.state()
        return server.ask(state.control_url, state.token, path, **query)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the directory's lock, so that starts, stops and clean-ups are sequential."""
        while True:
            self.places.prepare()
            with self.places.lock.open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                # A `down` may have removed the file while this process waited for it.
                if _is_at(self.places.lock, lock.fileno()):
                    yield
                    return

    def _refuse_other(self, state: SandboxState, wanted: Options) -> None:
        if not state.is_ready:
            raise Refused(
                f"the sandbox in {self.places.root} hangs while starting",
                cure="deployer sandbox down",
            )
        if _kind(state) != _kind(wanted):
            raise Refused(
                f"a sandbox of another kind runs in {self.places.root}",
                cure="deployer sandbox down   or another --dir",
            )

    def _start(self, options: Options) -> None:
        run = secrets.token_hex(8)
        reading, writing = os.pipe()
        try:
            try:
                self._launch(options, run, writing)
            finally:
                os.close(writing)
            self._await_ready(reading, run, _UP_SECONDS[options.machines])
        except BaseException:
            self._clean(run)
            raise
        finally:
            os.close(reading)

    def _launch(self, options: Options, run: str, news: int) -> None:
        """Start the daemon; the started process forks it and exits, so that init adopts it."""
        command = [sys.executable, "-m", "deployer.sandbox.daemon", str(self.places.root)]
        with self.places.log.open("wb") as log:
            subprocess.run(
                [*command, options.to_json(), str(news)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**env.apply(os.environ, {}), MARK: run},
                pass_fds=(news,),
                start_new_session=True,  # Ctrl-C at the terminal must not reach it
                check=False,  # the pipe reports the result
            )

    def _await_ready(self, news: int, run: str, seconds: float) -> None:
        """Wait for the daemon's message on the pipe; end of file without one means that it died.

        Accept only a state file of this same run; an open port proves nothing.
        """
        readable, _, _ = select.select([news], [], [], seconds)
        said_ready = bool(readable) and bool(os.read(news, 1))
        state = load(self.places)
        if not (said_ready and state is not None and state.is_ready and state.run == run):
            raise _did_not_start(self.places)

    def _clean(self, run: str) -> None:
        """End the processes that a dead sandbox left, and remove its files."""
        processes.kill_marked(MARK, run)
        self.places.state.unlink(missing_ok=True)
        self.places.remove_work()


def _kind(one: SandboxState | Options) -> tuple[object, ...]:
    """What a sandbox that runs must have in common with the wanted one."""
    return (one.empty, one.services, one.shape, one.machines, one.postgres)


def _did_not_start(places: Places) -> ToolError:
    """The end of the log, and a full disk by name: there the log tells of what it broke."""
    lines = places.log.read_text(errors="replace").splitlines()
    full = any(os.strerror(errno.ENOSPC) in line for line in lines)
    return ToolError(
        f"the sandbox did not come up{': a disk is full' if full else ''}",
        cure=f"To see which it is   df -h {places.root} /dev/shm /tmp" if full else "",
        detail="\n".join(lines[-20:]),
    )


def _is_at(path: Path, descriptor: int) -> bool:
    """Whether `path` still names the open file."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False
