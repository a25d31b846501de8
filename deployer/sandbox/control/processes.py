"""The processes of a sandbox: check one, end one, end all with a run's mark."""

from __future__ import annotations

import os
import time

import psutil

_KILL_SECONDS = 10.0


def is_running(pid: int, born: float) -> bool:
    """Whether process `pid`, started at `born` (epoch seconds), still runs."""
    try:
        process = psutil.Process(pid)
        return _lives(process) and abs(process.create_time() - born) < 1.0
    except psutil.NoSuchProcess:
        return False


def end(pid: int, patience: float) -> None:
    """Send SIGTERM; then SIGKILL if it has not ended within `patience` seconds (0: at once)."""
    try:
        process = psutil.Process(pid)
        if patience:
            process.terminate()
            _wait([process], patience)
        process.kill()
        _wait([process], _KILL_SECONDS)
    except psutil.NoSuchProcess:
        return


def kill_marked(variable: str, mark: str) -> None:
    """Kill every process of this user whose environment has `variable=mark`, until none is left."""
    while mark and (found := _marked(variable, mark)):
        for process in found:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        _wait(found, _KILL_SECONDS)


def _marked(variable: str, mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(variable) == mark:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue  # already gone, or another user's
    return found


def _wait(found: list[psutil.Process], seconds: float) -> None:
    """Wait until all have ended. A zombie counts: in a container nobody may ever reap it."""
    deadline = time.monotonic() + seconds
    while any(_lives(process) for process in found) and time.monotonic() < deadline:
        time.sleep(0.005)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
