"""The output of a machine's units, read from its disk, outside the machine.

A machine may have created symlinks anywhere on its disk; none is followed out of it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

_WAY = ("var", "log", "journal")
_TAIL = 64 * 1024
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


def journals(disk: Path) -> Iterator[tuple[str, str]]:
    """Unit and the last 64 KiB of its output, in the order of unit names."""
    with ExitStack() as closes:
        try:
            directory = os.open(disk, _DIRECTORY)
            closes.callback(os.close, directory)
            for step in _WAY:
                directory = os.open(step, _DIRECTORY, dir_fd=directory)
                closes.callback(os.close, directory)
        except OSError:
            return  # no unit has printed anything, or the path leads elsewhere
        for name in sorted(os.listdir(directory)):  # noqa: PTH208 -- by descriptor
            text = _tail(name, directory)
            if text is not None:
                yield name.removesuffix(".log"), text


def system_journal(disk: Path) -> str:
    """The last lines that a real systemd has written to its journal on this disk."""
    directory = Path(disk, *_WAY)
    command = ["journalctl", "--no-pager", "--quiet", "--lines=400", f"--directory={directory}"]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    return done.stdout + done.stderr


def _tail(name: str, directory: int) -> str | None:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with os.fdopen(os.open(name, flags, dir_fd=directory), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
            return file.read().decode("utf-8", "replace")
    except OSError:
        return None
