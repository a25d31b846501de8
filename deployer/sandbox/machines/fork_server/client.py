"""The host's side of the fork server: starts and ends jobs, receives machine reports."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployer.sandbox.machines import messages
from reconciler.errors import Refused, ToolError

_PATIENCE = 30.0
_PACKAGES = Path(__file__).parents[4]
_SYSCTL = (
    ("kernel.unprivileged_userns_clone", "0", "1"),
    ("kernel.apparmor_restrict_unprivileged_userns", "1", "0"),
    ("user.max_user_namespaces", "0", "10000"),
)
"""Settings that forbid user namespaces: name, forbidding value, allowing value."""

_CONTAINER_CURE = (
    "run it outside of the container or in a virtual machine, or start the container with "
    "--security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined"
)


@dataclass(frozen=True)
class ReportListener:
    """Called with the lock held: a machine's report (id, word), a job's end, the server's end."""

    said: Callable[[str, str], None]
    ended: Callable[[str], None]
    lost: Callable[[], None]


class ForkServerConnection:
    """A fork server and the jobs it runs; `lock` guards whatever the listener changes."""

    def __init__(self, directory: Path, listener: ReportListener) -> None:
        self.lock = threading.Condition()
        self._listener = listener
        self._jobs: set[str] = set()
        self._zygote, self._socket = _start_zygote(directory)
        self._reader = threading.Thread(target=self._listen, name="machines", daemon=True)
        self._reader.start()

    def begin(self, job: str, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        """Start a job, which gets copies of the fds. Raises ToolError if the server is gone."""
        with self.lock:
            self._send(message | {"job": job}, fds)
            self._jobs.add(job)

    def end(self, jobs: Iterable[str]) -> None:
        """Kill these jobs and wait until all their processes are gone. Raises ToolError."""
        with self.lock:
            wanted = set(jobs) & self._jobs
            for job in wanted:
                self._send({"op": "kill", "job": job})
            self.join(wanted)

    def join(self, jobs: Iterable[str]) -> None:
        """Wait until these jobs have ended by themselves. Raises ToolError."""
        with self.lock:
            wanted = set(jobs)
            if not self.lock.wait_for(lambda: not wanted & self._jobs, _PATIENCE):
                raise ToolError("the sandbox's machines do not end")

    def close(self) -> None:
        """End the fork server and its jobs, and wait for it. Idempotent."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        self._zygote.wait(_PATIENCE)
        self._reader.join(_PATIENCE)
        self._socket.close()

    def _send(self, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        try:
            messages.send(self._socket, message, fds)
        except OSError as error:
            raise ToolError("the process that runs the sandbox's machines is gone") from error

    def _listen(self) -> None:
        """The reader thread, until the fork server and its machines are gone."""
        while (message := self._receive()) is not None:
            with self.lock:
                if message["event"] == "ended":
                    self._jobs.discard(message["job"])
                    self._listener.ended(message["job"])
                else:
                    self._listener.said(message["id"], message["event"])
                self.lock.notify_all()
        with self.lock:
            self._jobs.clear()
            self._listener.lost()
            self.lock.notify_all()

    def _receive(self) -> dict[str, Any] | None:
        try:
            return messages.receive(self._socket)
        except OSError:
            return None


def _start_zygote(directory: Path) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Start it with an empty environment: no variable of ours is in a machine's memory."""
    ours, theirs = messages.pair()
    module = "deployer.sandbox.machines.fork_server.server"
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-s", "-m", module, str(theirs.fileno()), str(directory)],
            cwd=_PACKAGES,
            env={"LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    answer = messages.receive(ours)
    reason = "its process did not start" if answer is None else answer["reason"]
    if reason:
        ours.close()
        process.wait(_PATIENCE)
        raise Refused(f"sandbox needs user namespaces: {reason}", cure=cure())
    return process, ours


def cure(settings: Path = Path("/proc/sys")) -> str:
    """How to allow namespaces here: by the settings that forbid them, else by the container."""
    wrong = [
        f"{name}={allows}"
        for name, forbids, allows in _SYSCTL
        if _setting(settings, name) == forbids
    ]
    return f"sudo sysctl -w {' '.join(wrong)}" if wrong else _CONTAINER_CURE


def _setting(settings: Path, name: str) -> str:
    try:
        return settings.joinpath(*name.split(".")).read_text().strip()
    except OSError:
        return ""  # the kernel lacks or hides this setting


def isolation_available(directory: Path) -> str | None:
    """Why machines cannot be isolated here, or None; really tried, below `directory`."""
    listener = ReportListener(lambda _id, _word: None, lambda _job: None, lambda: None)
    try:
        ForkServerConnection(directory, listener).close()
    except Refused as refusal:
        return refusal.message
    return None
