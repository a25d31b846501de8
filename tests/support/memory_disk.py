"""Where the tests keep their files: in memory, where there is plenty.

Every reset of a sandbox makes and removes thousands of small files of machines and databases: on a
disk that is a fifth of what the whole suite costs. Whoever sets `TMPDIR` says otherwise.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.util import Finalize
from pathlib import Path

import psutil

_MEMORY = Path("/dev/shm")
_NEEDED = 4 << 30
"""Bytes; two sandboxes at work take a tenth of it."""

_AFTER_MULTIPROCESSING = -200
"""Its own temporary directory lies below ours, and it removes that one at -100."""


@contextmanager
def temporary_files_in_memory() -> Iterator[None]:
    """For this process and those it starts; what lies there is removed when this one ends."""
    if "TMPDIR" in os.environ or not _is_fit():
        yield
        return
    _remove_what_the_killed_left()
    directory = _MEMORY / f"{_prefix()}{os.getpid()}"
    directory.mkdir()
    directory.chmod(0o1777)  # as /tmp: some tests become somebody else
    Finalize(None, shutil.rmtree, (directory,), exitpriority=_AFTER_MULTIPROCESSING)
    os.environ["TMPDIR"] = tempfile.tempdir = str(directory)
    try:
        yield
    finally:
        del os.environ["TMPDIR"]
        tempfile.tempdir = None


def _is_fit() -> bool:
    """Whether there is such a file system, with room, that lets programs be run."""
    try:
        about = os.statvfs(_MEMORY)
    except OSError:
        return False
    room = min(about.f_bavail * about.f_frsize, psutil.virtual_memory().available)
    barred = about.f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
    return room >= _NEEDED and not barred and os.access(_MEMORY, os.W_OK | os.X_OK)


def _prefix() -> str:
    return f"dt{os.getuid()}-"  # short: what lies below is long, and names of sockets may not be


def _remove_what_the_killed_left() -> None:
    for old in _MEMORY.glob(f"{_prefix()}*"):
        if not psutil.pid_exists(int(old.name.removeprefix(_prefix()))):
            with contextlib.suppress(FileNotFoundError):  # somebody else begins as we do
                shutil.rmtree(old)
