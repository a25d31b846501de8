"""Commands begun from a process that has imported them already.

What is tested here is what becomes of processes, hundreds of them, and most of a short command's
time is its imports. A forked process is one as any other, with an id, signals and an end of its
own. That the installed commands do the same is what `tests/e2e` shows.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from typing import IO, Self

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.crash.preload"])
_ONE_AT_A_TIME = threading.Lock()
"""Starting one asks after all others, and an exit code can be read only once."""


def _ready() -> None:
    """Start the server, once, and unwatched: a fork that is killed could not tell of coverage."""
    watch = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COVERAGE")}
    try:
        forkserver.ensure_running()
    finally:
        os.environ.update(watch)


def _run(words: Sequence[str], env: Mapping[str, str], out: Connection, err: Connection) -> None:
    """In the new process: become the command."""
    from tests.crash import preload

    for number, end in ((1, out), (2, err)):
        os.dup2(end.fileno(), number)
        end.close()
    # The old ones believe to know what stood behind these numbers.
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    preload.cook(words, env)


class Warm:
    """A command under way, with what of `subprocess.Popen` its readers use."""

    def __init__(self, words: Sequence[str], env: Mapping[str, str]) -> None:
        _ready()
        self.args = list(words)
        out, said = os.pipe()
        self.stdout: IO[str] = os.fdopen(out)
        # A file, so that nobody need read it meanwhile.
        self._err = tempfile.TemporaryFile("w+b")  # noqa: SIM115 -- closed in __exit__
        ends = Connection(said, readable=False), Connection(os.dup(self._err.fileno()))
        self._process = _CONTEXT.Process(target=_run, args=(words, dict(env), *ends), daemon=True)
        with _ONE_AT_A_TIME:
            self._process.start()
        for end in ends:
            end.close()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, minus the signal for one that was killed; None while it runs."""
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    def poll(self) -> int | None:
        """See `returncode`."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises TimeoutExpired."""
        wait([self._process.sentinel], timeout)
        code = self.returncode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def communicate(
        self,
        input: None = None,  # noqa: A002, ARG002 -- as Popen has it
        timeout: float | None = None,
    ) -> tuple[str, str]:
        """Read to its end: stdout and stderr."""
        said = self.stdout.read()
        self.wait(timeout)
        self._err.seek(0)
        return said, self._err.read().decode()

    def said(self) -> str:
        """Its stderr so far, in whole lines."""
        size = os.fstat(self._err.fileno()).st_size
        return os.pread(self._err.fileno(), size, 0).decode().rpartition("\n")[0]

    def send_signal(self, sig: int) -> None:
        """Send it a signal; nothing happens to one that has ended."""
        if self.returncode is None:
            os.kill(self.pid, sig)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Wait, and close everything, as `Popen` does."""
        self.wait()
        self.stdout.close()
        self._err.close()
