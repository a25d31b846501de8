"""The emulator as a process of its own, with its Lambda processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from scripts.second_opinion import wait_for

AT_ONCE = 12
"""Functions at once: fewer than the first map wants, as in a new account. The rest is throttled."""


@dataclass(frozen=True)
class Emulator:
    """Where it answers, its process, and the file that makes bad weather."""

    endpoint: str
    process: subprocess.Popen[bytes]
    weather: Path

    def workers(self) -> list[psutil.Process]:
        """The processes of the function."""
        every = psutil.Process(self.process.pid).children(recursive=True)
        return [one for one in every if one.is_running() and _is_python(one)]


def _is_python(process: psutil.Process) -> bool:
    try:
        return "python" in process.name()
    except psutil.Error:
        return False


@contextmanager
def serving(command: Path, port: int, folder: Path) -> Iterator[Emulator]:
    """The emulator while it runs; nothing of it is left afterwards."""
    keep = {key: os.environ[key] for key in ("PATH", "LANG") if key in os.environ}
    weather = folder / "weather"
    more = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "HOME": str(folder)}
    more |= {"WEATHER": str(weather), "LAMBDA_ACCOUNT_CONCURRENCY": str(AT_ONCE)}
    argv = [command.with_name("python"), Path(__file__).with_name("emulator_server.py")]
    with (
        (folder / "emulator.log").open("wb") as log,
        subprocess.Popen(argv, cwd=folder, env=keep | more, stdout=log, stderr=log) as server,
    ):
        emulator = Emulator(f"http://127.0.0.1:{port}", server, weather)
        try:
            wait_for(emulator.endpoint, server)
            yield emulator
        except BaseException:
            print((folder / "emulator.log").read_text(errors="replace")[-4000:])
            raise
        finally:
            children = psutil.Process(server.pid).children(recursive=True)
            server.terminate()
            psutil.wait_procs(children, timeout=5)
            for child in children:
                if child.is_running():
                    child.kill()
